"""Selection: rules S1 to S4. Fixed vectors for the sticky draw, properties for the rest."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mecai.errors import InputError
from mecai.protocol.objects.authorities import Directory, Distrust
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.selection import (
    EPOCH_SECONDS,
    Mode,
    candidates,
    destination_octets,
    epoch_of,
    registrable_domain,
    sticky_score,
)
from tests.pki import NOW, Hierarchy
from tests.scene import authority_entry, directory_of

KEY = bytes(range(32))
KEYS = st.binary(min_size=32, max_size=32)
EPOCH = timedelta(seconds=EPOCH_SECONDS)


@cache
def many(count: int = 10) -> Directory:
    """Return authorities a0, a1, ...: every two neighbours share an owner group; regions alternate."""
    return directory_of(
        *(
            authority_entry(
                Hierarchy(f"a{number}"), owner_group=f"owner {number // 2}", region=("EU", "US")[number % 2]
            )
            for number in range(count)
        )
    )


def select(host: str = "www.example.test", **changes: Any) -> tuple[bytes, ...]:
    arguments: dict[str, Any] = {"directory": many(), "now": NOW, "key": KEY, "k": 3}
    arguments.update(changes)
    return candidates(arguments.pop("directory"), host, arguments.pop("now"), **arguments)


def test_vector_of_the_offset_and_epoch() -> None:
    """By `openssl dgst -sha256 -mac HMAC`: 742eb1e4..., which is 33252 modulo 30 days."""
    begins = datetime.fromtimestamp(684 * EPOCH_SECONDS - 33_252, UTC)
    assert epoch_of(b"example.test", KEY, begins) == 684
    assert epoch_of(b"example.test", KEY, begins - timedelta(seconds=1)) == 683


def test_vector_of_the_score() -> None:
    """By `openssl dgst -sha256 -mac HMAC`."""
    score = sticky_score(b"example.test", KEY, 700, b"\1\2\3\4\5\6\7\x08")
    assert score.hex() == "20afac1941590ee5d5560c086bab1080b95fbea5b1eb4d629ce9ee9b97bee474"


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.test", "example.test"),
        ("a.b.c.example.co.uk", "example.co.uk"),
        ("EXAMPLE.org.", "example.org"),
        ("user.github.io", "user.github.io"),
        ("deep.user.github.io", "user.github.io"),
        ("github.io", "github.io"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
    ],
)
def test_registrable_domains(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


def test_addresses_are_their_octets() -> None:
    assert destination_octets("192.0.2.1") == bytes((192, 0, 2, 1))
    assert destination_octets("::ffff:192.0.2.1") == bytes((192, 0, 2, 1))
    assert len(destination_octets("2001:db8::1")) == 16


@given(KEYS, st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4))
def test_sibling_names_draw_alike(key: bytes, labels: list[str]) -> None:
    assert select(".".join(labels) + ".example.test", key=key) == select("example.test", key=key)


@given(KEYS, st.integers(0, EPOCH_SECONDS - 1))
def test_a_draw_is_stable_within_its_epoch(key: bytes, seconds: int) -> None:
    later = NOW + timedelta(seconds=seconds)
    assume(epoch_of(b"example.test", key, later) == epoch_of(b"example.test", key, NOW))
    assert select(key=key, now=later) == select(key=key, now=NOW)


def test_epochs_last_30_days_and_begin_apart() -> None:
    assert epoch_of(b"example.test", KEY, NOW + EPOCH) == epoch_of(b"example.test", KEY, NOW) + 1
    starts = {
        next(
            hour for hour in range(721) if epoch_of(name, KEY, NOW + timedelta(hours=hour)) != epoch_of(name, KEY, NOW)
        )
        for name in (b"a.test", b"b.test", b"c.test", b"d.test")
    }
    assert len(starts) > 1


def test_a_new_epoch_draws_anew() -> None:
    draws = {select(now=NOW + number * EPOCH) for number in range(12)}
    assert len(draws) > 8


@settings(max_examples=50)
@given(KEYS, st.integers(1, 6), st.sampled_from(Mode))
def test_at_most_one_per_owner_group(key: bytes, k: int, mode: Mode) -> None:
    drawn = select(key=key, k=k, mode=mode, random=Random(key))  # noqa: S311 a test repeats itself
    owners = [authority.owner_group for item in drawn if (authority := many().find(item))]
    assert len(owners) == len(set(owners)) == min(k, 5)


@pytest.mark.parametrize("mode", [Mode.STICKY, Mode.RANDOM])
def test_draws_are_uniform(mode: Mode) -> None:
    """2,000 keys, 3 of 8 single owners: each is drawn 750 times, with a standard deviation of 22."""
    directory = directory_of(*(authority_entry(Hierarchy(f"a{number}")) for number in range(8)))
    random = Random(7)  # noqa: S311 a test repeats itself
    counts = dict.fromkeys((authority.authority for authority in directory.authorities), 0)
    for number in range(2000):
        key = hashlib.sha256(f"{number}".encode()).digest()
        for item in select(directory=directory, key=key, mode=mode, random=random):
            counts[item] += 1
    assert all(abs(count - 750) < 110 for count in counts.values()), counts


def test_the_order_is_that_of_the_scores() -> None:
    destination = b"example.test"
    epoch = epoch_of(destination, KEY, NOW)
    scores = [sticky_score(destination, KEY, epoch, item) for item in select(k=5)]
    assert scores == sorted(scores, reverse=True)


def test_regional_leaves_out_regions() -> None:
    drawn = select(k=5, mode=Mode.REGIONAL, excluded_regions=["EU"])
    assert {authority.region for item in drawn if (authority := many().find(item))} == {"US"}
    assert select(excluded_regions=["EU"]) == select()
    assert select(mode=Mode.REGIONAL) == select()


def test_authorities_without_servers_or_trust_are_never_drawn() -> None:
    first, second, *rest = (authority_entry(Hierarchy(name)) for name in ("a", "b", "c", "d"))
    distrust = Distrust(spki_hash(second.roots[0]), NOW, "stolen")
    directory = directory_of(replace(first, servers=()), second, *rest, distrust=(distrust,))
    assert set(select(directory=directory, k=4)) == {authority.authority for authority in rest}
    earlier = select(directory=directory, k=4, now=NOW - timedelta(seconds=1))
    assert second.authority in earlier


def test_bad_input() -> None:
    for changes in ({"k": 0}, {"k": 17}, {"key": bytes(31)}, {"mode": Mode.RANDOM}):
        with pytest.raises(InputError):
            select(**changes)
    with pytest.raises(InputError):
        select("no host name")
