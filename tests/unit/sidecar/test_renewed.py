"""A chain that was renewed on a delivered host renews the one here, and can do nothing else."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.errors import Malformed
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates
from mecai.sidecar import stream
from mecai.sidecar.config import CertificateEntry
from mecai.sidecar.renewed import PAUSE, Renewed, Shown, learn
from tests.pki import DAY, NOW, Hierarchy, Issued, key, rsa_key
from tests.unit.sidecar.conftest import Side
from tests.unit.sidecar.test_delivery import sent, serving, take  # noqa: F401 - a fixture

NAME = "www.example.test"


@pytest.fixture
def fetching(side: Side) -> Side:
    """Give the host that fetches, whose chain was laid long ago."""
    lay_long_ago(side.config.certificates[0].chain)
    return side


def lay_long_ago(chain: Path) -> None:
    moment = (NOW - DAY).timestamp()
    os.utime(chain, (moment, moment))


def renew(side: Side, *names: str, days: float = 100, by: Hierarchy | None = None, **more: object) -> Issued:
    """Have a certificate issued that is no older than the one that is known."""
    return (by or side.scene.alder).server(*(names or (NAME,)), days=days, **more)  # type: ignore[arg-type]


def told(side: Side, *chains: bytes) -> Renewed:
    return learn(side.config, Shown([chain.decode() for chain in chains]), NOW)


def known(side: Side) -> bytes:
    return side.config.certificates[0].chain.read_bytes()


def test_who_brings_nothing_for_what_is_shown_hears_of_it_and_fetches_for_it(
    fetching: Side,
    serving: Side,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    fetching.run()
    site = renew(fetching, server_key=key("renewed"))
    combined = tmp_path / "serving" / "www.pem"
    combined.write_bytes(site.chain_pem + site.key_pem)
    (entry,) = serving.config.certificates
    serving.config = replace(serving.config, certificates=(replace(entry, chain=combined),))
    received = take(serving, sent(fetching))
    assert (received.refused, len(received.chains)) == (4, 1)
    assert "PRIVATE" not in received.chains[0]
    chain = str(fetching.config.certificates[0].chain)
    assert learn(fetching.config, Shown(received.chains), NOW) == Renewed([chain], [])
    assert known(fetching) == site.chain_pem
    assert learn(fetching.config, Shown(received.chains), NOW) == Renewed()
    scene = fetching.scene
    fetching.responders.know(scene.alder, site)
    for va in (scene.birch, scene.cedar, scene.dogwood):
        fetching.answer(va, scene.voucher(va, site=site, addresses=entry.octets))
    fetching.run()
    received = take(serving, sent(fetching))
    assert (received.written, received.chains) == (4, [])


def test_a_delivery_without_files_tells_of_chains_too(side: Side, serving: Side) -> None:  # noqa: F811 - the fixture
    assert len(take(serving, sent(side)).chains) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda side: renew(side, "other.example.test").chain_pem, "follows no chain"),
        (lambda side: renew(side, NAME, "other.example.test").chain_pem, "follows no chain"),
        (lambda side: renew(side, "*.example.test").chain_pem, "follows no chain"),
        (lambda side: renew(side, "198.18.0.10").chain_pem, "follows no chain"),
        (lambda side: renew(side, by=Hierarchy("stranger")).chain_pem, "untrusted"),
        (lambda _: Hierarchy("alder", NOW - 30 * DAY).server(NAME, days=100).chain_pem, "follows no chain"),
        (lambda _: b"not a certificate", "renewed chain"),
        (lambda side: renew(side).chain_pem + b"#" * 256 * 1024, "more than 262144"),
    ],
    ids=["another", "one more name", "a wildcard", "an address", "a stranger's", "an older one", "none", "too large"],
)
def test_what_is_no_renewal_changes_nothing(fetching: Side, make: Callable[[Side], bytes], said: str) -> None:
    before = known(fetching)
    done = told(fetching, make(fetching))
    assert (done.renewed, len(done.reasons), known(fetching)) == ([], 1, before)
    assert said in done.reasons[0]


def test_a_chain_changes_once_an_hour(fetching: Side) -> None:
    chain = fetching.config.certificates[0].chain
    assert told(fetching, renew(fetching).chain_pem).renewed
    moment = (NOW - PAUSE + timedelta(seconds=1)).timestamp()
    os.utime(chain, (moment, moment))
    done = told(fetching, renew(fetching, days=101).chain_pem)
    assert (done.renewed, "was laid 3599 s ago" in done.reasons[0]) == ([], True)
    os.utime(chain, (moment - 1, moment - 1))
    assert told(fetching, renew(fetching, days=101).chain_pem).renewed


def test_what_is_no_text_is_no_chain(fetching: Side) -> None:
    assert len(learn(fetching.config, Shown(["\ud800"]), NOW).reasons) == 1


def test_no_more_chains_are_looked_at_than_are_known(fetching: Side) -> None:
    foreign = renew(fetching, "other.example.test").chain_pem
    assert told(fetching, *[foreign] * 3).reasons == told(fetching, foreign).reasons


def test_of_two_of_the_same_name_that_of_the_same_kind_of_key_is_followed(fetching: Side, tmp_path: Path) -> None:
    (entry,) = fetching.config.certificates
    other = CertificateEntry(tmp_path / "rsa.pem", entry.addresses)
    other.chain.write_bytes(renew(fetching, days=90, server_key=rsa_key("www rsa")).chain_pem)
    lay_long_ago(other.chain)
    fetching.config = replace(fetching.config, certificates=(entry, other))
    assert isinstance(load_certificates(entry.chain)[0].public_key(), ec.EllipticCurvePublicKey)
    done = told(fetching, renew(fetching, server_key=rsa_key("www rsa 2")).chain_pem)
    assert done == Renewed([str(other.chain)], [])


def test_an_answer_has_an_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"{}")
    os.close(writing)
    assert stream.answer(reading, Deadline(10)) == b"{}"
    os.close(reading)


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LARGEST_ANSWER", 1)
    reading, writing = os.pipe()
    os.write(writing, b"{}")
    with pytest.raises(Malformed, match="more than 1 octets"):
        stream.answer(reading, Deadline(10))
    os.close(reading)
    os.close(writing)
