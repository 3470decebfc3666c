"""A succession that a delivered host made reaches the host that fetches for it, and nothing else does on that way."""

import base64
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from mecai.errors import HostError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.succession import Succession
from mecai.protocol.pki.identity import hash_of
from mecai.service.locks import locked_folder
from mecai.sidecar import renewed
from mecai.sidecar.renewed import PAUSE, Renewed, Shown, learn
from tests.pki import HOUR, NOW, Hierarchy, Issued, key
from tests.unit.sidecar.conftest import Side
from tests.unit.sidecar.test_delivery import sent, serving, take  # noqa: F401 - a fixture
from tests.unit.sidecar.test_faults import IRREGULAR, Spoil, in_child, killed_at, quick  # noqa: F401 - a fixture
from tests.unit.sidecar.test_renewed import lay_long_ago

NAME: Final = "www.example.test"
STRANGER: Final = Hierarchy("stranger").server(NAME, server_key=key("stranger"))
NEW: Final = Hierarchy("alder").server(NAME, server_key=key("renewed"), days=100)


@pytest.fixture
def fetching(side: Side, tmp_path: Path) -> Side:
    """Give the host that fetches, whose chain was laid long ago, and whose settings have a place for a succession."""
    lay_long_ago(side.config.certificates[0].chain)
    return with_place(side, tmp_path / "www.succession")


def with_place(side: Side, place: Path) -> Side:
    (entry,) = side.config.certificates
    side.config = replace(side.config, certificates=(replace(entry, succession=place),))
    return side


def follows(was: Issued, new: Issued = NEW, time: datetime = NOW, by: Issued | None = None) -> bytes:
    """Return a statement, which another key may have signed."""
    statement = Succession(hash_of(was.certificate), hash_of(new.certificate), time)
    return statement.sign((by or was).key, was.certificate)


def told(side: Side, *statements: bytes, chain: Issued | None = None) -> Renewed:
    chains = [chain.chain_pem.decode()] if chain else []
    return learn(side.config, Shown(chains, [base64.b64encode(each).decode() for each in statements]), side.now)


def place_of(side: Side) -> Path:
    place = side.config.certificates[0].succession
    assert place is not None
    return place


def laid(side: Side) -> bytes | None:
    return place_of(side).read_bytes() if place_of(side).is_file() else None


def showing(serving: Side, tmp_path: Path, new: Issued = NEW) -> Side:  # noqa: F811 - the fixture
    """Let the host that serves show a renewed certificate, and name a place of its own for the succession."""
    chain = tmp_path / "serving" / "www.pem"
    chain.write_bytes(new.chain_pem)
    (entry,) = serving.config.certificates
    place = tmp_path / "serving" / "www.succession"
    serving.config = replace(serving.config, certificates=(replace(entry, chain=chain, succession=place),))
    return serving


def test_a_key_that_was_changed_where_it_is_served_is_asked_for_with_its_succession(
    fetching: Side,
    serving: Side,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    showing(serving, tmp_path)
    statement = follows(fetching.scene.site)
    place_of(serving).write_bytes(statement)
    received = take(serving, sent(fetching))
    done = learn(fetching.config, Shown(received.chains, received.successions), NOW)
    chain = fetching.config.certificates[0].chain
    assert done == Renewed([str(chain)], [], [str(place_of(fetching))])
    assert (chain.read_bytes(), laid(fetching)) == (NEW.chain_pem, statement)
    fetching.run()
    assert {request.succession for request in fetching.requests.values()} == {statement}


def test_a_succession_that_was_made_later_comes_too_whatever_was_brought(
    fetching: Side,
    serving: Side,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    """The staple of a certificate that is on hold is brought: its chain does not come back."""
    showing(serving, tmp_path)
    fetching.show(NEW)
    fetching.responders.know(fetching.scene.alder, NEW)
    fetching.run()
    statement = follows(fetching.scene.site)
    place_of(serving).write_bytes(statement)
    received = take(serving, sent(fetching))
    assert (received.written, received.chains) == (1, [])
    assert learn(fetching.config, Shown(received.chains, received.successions), NOW).successions
    assert laid(fetching) == statement
    assert learn(fetching.config, Shown(received.chains, received.successions), NOW) == Renewed()


STAYS: dict[str, Callable[[Side], bytes]] = {
    "nothing": lambda _: b"",
    "garbage": lambda _: b"garbage",
    "a key": lambda side: side.scene.site.key_pem,
    "more than there may be": lambda side: follows(side.scene.site).ljust(LIMITS.voucher_size + 1, b"\0"),
    "of yesterday": lambda side: follows(side.scene.site, time=NOW - 25 * HOUR),
    "of another certificate": lambda side: follows(NEW, side.scene.site),
    "signed by a stranger": lambda side: follows(side.scene.site, by=STRANGER),
}


@pytest.mark.parametrize("make", STAYS.values(), ids=STAYS.keys())
def test_what_else_is_in_its_file_does_not_travel(
    fetching: Side,
    serving: Side,  # noqa: F811 - the fixture
    tmp_path: Path,
    make: Callable[[Side], bytes],
) -> None:
    showing(serving, tmp_path)
    place_of(serving).write_bytes(make(fetching))
    received = take(serving, sent(fetching))
    assert (len(received.chains), received.successions) == (1, [])


@pytest.mark.parametrize("spoil", IRREGULAR.values(), ids=IRREGULAR.keys())
def test_nobody_waits_for_what_is_no_file(
    fetching: Side,
    serving: Side,  # noqa: F811 - the fixture
    tmp_path: Path,
    spoil: Spoil,
) -> None:
    showing(serving, tmp_path)
    spoil(place_of(serving))
    assert take(serving, sent(fetching)).successions == []


REFUSED: dict[str, tuple[Callable[[Side], bytes], str]] = {
    "garbage": (lambda _: b"garbage", "malformed (H6)"),
    "of yesterday": (lambda side: follows(side.scene.site, time=NOW - 25 * HOUR), "is not of the last"),
    "of tomorrow": (lambda side: follows(side.scene.site, time=NOW + HOUR), "is not of the last"),
    "signed by a stranger": (lambda side: follows(side.scene.site, by=STRANGER), "bad-signature (V4)"),
    "too large": (lambda _: bytes(2 * LIMITS.voucher_size), "octets of base64"),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_succession_is_not_laid(fetching: Side, make: Callable[[Side], bytes], said: str) -> None:
    """The chain that it came with is: it is believed for itself."""
    done = told(fetching, make(fetching), chain=NEW)
    assert (len(done.renewed), done.successions, len(done.reasons), laid(fetching)) == (1, [], 1, None)
    assert said in done.reasons[0]


@pytest.mark.parametrize("text", ["\ud800", "x", "!!!!", "é" * 8])
def test_what_is_no_base64_is_no_succession(fetching: Side, text: str) -> None:
    assert learn(fetching.config, Shown([], [text]), NOW).reasons == ["malformed (H6): succession: is no base64"]


def test_what_is_of_no_certificate_of_the_settings_is_nobodys(fetching: Side) -> None:
    assert told(fetching, follows(NEW, Hierarchy("alder").server("other.example.test"))) == Renewed()
    assert laid(fetching) is None


def test_no_more_are_looked_at_than_there_are_certificates(fetching: Side) -> None:
    assert len(told(fetching, *[b"garbage"] * 30).reasons) == 1


def test_settings_without_a_place_take_none(side: Side) -> None:
    lay_long_ago(side.config.certificates[0].chain)
    done = told(side, follows(side.scene.site), chain=NEW)
    assert done == Renewed([str(side.config.certificates[0].chain)])


def test_one_an_hour(fetching: Side) -> None:
    fetching.show(NEW)
    assert told(fetching, first := follows(fetching.scene.site)).successions
    moment = (NOW - PAUSE + timedelta(seconds=1)).timestamp()
    os.utime(place_of(fetching), (moment, moment))
    second = follows(fetching.scene.site, time=NOW + timedelta(minutes=1))
    done = told(fetching, second)
    assert ("was laid 3599 s ago" in done.reasons[0], laid(fetching)) == (True, first)
    os.utime(place_of(fetching), (moment - 1, moment - 1))
    assert told(fetching, second).successions
    assert laid(fetching) == second


def test_what_is_laid_goes_through_no_link(fetching: Side, tmp_path: Path) -> None:
    fetching.show(NEW)
    (tmp_path / "elsewhere").write_bytes(b"another's")
    lay_long_ago(tmp_path / "elsewhere")
    place_of(fetching).symlink_to(tmp_path / "elsewhere")
    assert told(fetching, statement := follows(fetching.scene.site)).successions
    assert (tmp_path / "elsewhere").read_bytes() == b"another's"
    assert (place_of(fetching).is_symlink(), laid(fetching)) == (False, statement)


@pytest.mark.parametrize("there", [None, "a folder"])
def test_a_place_in_which_nothing_can_be_laid_keeps_no_chain_back(fetching: Side, tmp_path: Path, there: str) -> None:
    place = tmp_path / "none" / "www.succession"
    if there:
        place.mkdir(parents=True)
        lay_long_ago(place)
    with_place(fetching, place)
    done = told(fetching, follows(fetching.scene.site), chain=NEW)
    assert (len(done.renewed), done.successions, len(done.reasons)) == (1, [], 1)
    assert f"{place}: cannot be " in done.reasons[0]


def test_killed_at_every_point_the_succession_is_there_before_its_chain(quick: Side) -> None:  # noqa: F811
    """What follows has both: a Voucher Authority that is asked without it begins a hold, and tells the owners."""
    side = with_place(quick, quick.config.state / "www.succession")
    chain, statement = side.config.certificates[0].chain, follows(side.scene.site)
    former = chain.read_bytes()
    for moment in range(1, 1000, 3):
        chain.write_bytes(former)
        lay_long_ago(chain)
        place_of(side).unlink(missing_ok=True)

        def work(moment: int = moment) -> None:
            killed_at(moment)
            told(side, statement, chain=NEW)

        ended = in_child(work)
        found = chain.read_bytes(), laid(side)
        assert found in {(former, None), (former, statement), (NEW.chain_pem, statement)}
        told(side, statement, chain=NEW)
        assert (chain.read_bytes(), laid(side)) == (NEW.chain_pem, statement)
        if ended == 0:
            break
        assert os.WTERMSIG(ended) == signal.SIGKILL
    assert moment > 30


def test_one_at_a_time_lays_what_is_new(fetching: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that pulls may do so as often at once as it likes, and gets no more."""
    monkeypatch.setattr(renewed, "_PATIENCE", 0.05)
    with locked_folder(fetching.config.state), pytest.raises(HostError, match="another process has held it"):
        told(fetching, chain=NEW)
    assert told(fetching, chain=NEW).renewed
