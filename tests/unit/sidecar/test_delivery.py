"""A delivery: what is good of it is served, and nothing that a hostile sender writes is more than refused."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mecai.errors import HostError, Malformed, MecaiError
from mecai.service.deadline import Deadline
from mecai.service.locks import locked
from mecai.sidecar import delivery, stream
from mecai.sidecar.delivery import Received, receive, send
from mecai.sidecar.standing import State
from tests.pki import HOUR
from tests.scene import ADDRESS
from tests.unit.sidecar.conftest import SECOND, Side

FIRST = b"mecai-staples 1\n"
HEX = "0" * 64


@pytest.fixture
def serving(side: Side, tmp_path: Path) -> Side:
    """Give the other host, which has the publisher's pin and the chain, and no directory yet."""
    (tmp_path / "serving").mkdir()
    folder = tmp_path / "serving"
    config = replace(side.config, directory=folder / "directory.der", state=folder / "state")
    config.state.mkdir()
    return replace(side, config=config, asked=[], refresher=None)


def sent(side: Side) -> bytes:
    with tempfile.TemporaryFile() as out:
        send(side.config, side.environment, out.fileno(), Deadline(300))
        out.seek(0)
        return out.read()


@contextmanager
def pipe(octets: bytes) -> Iterator[int]:
    """Let somebody write these octets."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as file:  # noqa: PTH123 - a descriptor
            try:
                file.write(octets)
            except BrokenPipeError:
                return

    thread = threading.Thread(target=write)
    thread.start()
    yield reading
    os.close(reading)
    thread.join()


def take(serving: Side, octets: bytes) -> Received:
    with pipe(octets) as descriptor:
        return receive(serving.config, serving.environment, descriptor)


def test_what_one_host_fetched_another_one_serves(side: Side, serving: Side) -> None:
    side.run()
    assert take(serving, sent(side)) == Received(written=4)
    assert {row.state for row in serving.report().values()} == {State.GOOD}
    assert serving.asked == []
    files = {path.relative_to(side.config.staples): path.read_bytes() for path in side.config.staples.glob("*/*")}
    assert files == {
        path.relative_to(serving.config.staples): path.read_bytes() for path in serving.config.staples.glob("*/*")
    }
    assert take(serving, sent(side)).unchanged == 4


def test_what_is_fetched_for_another_host_is_not_sent(side: Side, serving: Side, tmp_path: Path) -> None:
    """One host fetches for two: the settings that it delivers by name the certificates of one."""
    side.run()
    other = side.config.staples / HEX / "ocsp.der"
    other.parent.mkdir()
    other.write_bytes(b"of another host")
    (entry,) = side.config.certificates
    unreadable = replace(entry, chain=tmp_path / "none.pem")
    side.config = replace(side.config, certificates=(entry, unreadable))
    received = take(serving, sent(side))
    assert (received.written, received.refused) == (4, 0)


def test_an_older_voucher_does_not_come_back(side: Side, serving: Side) -> None:
    side.run()
    former = sent(side)
    side.now += HOUR
    serving.now = side.now
    newer = side.scene.voucher(side.scene.birch, addresses=(ADDRESS, SECOND), next_update=side.now + 23.5 * HOUR)
    side.answer(side.scene.birch, newer)
    side.run(everything=True)
    assert take(serving, sent(side)).refused == 0
    take(serving, former)
    assert serving.written(side.scene.birch) == newer


def test_what_is_no_longer_good_is_taken_away(side: Side, serving: Side) -> None:
    side.run()
    take(serving, sent(side))
    serving.now = side.now = side.now + timedelta(days=2)
    side.config.staples.rename(side.config.staples.with_name("away"))
    take(serving, sent(side).replace(b"end 1\n", f"{HEX}/ocsp.der 1\nxend 2\n".encode()))
    assert list(serving.config.staples.iterdir()) == []


@pytest.mark.parametrize("name", ["ocsp.der", "0123456789abcdef.voucher", "passwd", "..", ".hidden"])
def test_a_file_of_no_certificate_here_is_refused(side: Side, serving: Side, name: str) -> None:
    start = sent(side).removesuffix(b"end 1\n")
    received = take(serving, start + f"{HEX}/{name} 1\nxend 2\n".encode())
    assert (received.refused, received.written) == (1, 0)
    assert not serving.config.staples.exists() or not any(serving.config.staples.iterdir())


def test_bad_files_are_refused_and_good_ones_taken(side: Side, serving: Side) -> None:
    side.run()
    side.path(side.scene.birch).write_bytes(side.scene.voucher(side.scene.birch, signer=side.scene.cedar.voucher))
    side.path(side.scene.cedar).write_bytes(side.path(side.scene.dogwood).read_bytes())
    side.path(side.scene.dogwood).with_name("foreign").touch()
    received = take(serving, sent(side))
    assert (received.written, received.refused) == (2, 2)
    assert serving.written(side.scene.birch) is None
    assert serving.written(side.scene.dogwood) is not None


def test_a_directory_of_a_stranger_or_from_before_is_refused(side: Side, serving: Side) -> None:
    side.run()
    old = sent(side)
    side.publish(replace(side.scene.directory, sequence=2))
    assert take(serving, sent(side)).refused == 0
    taken = serving.config.directory.read_bytes()
    received = take(serving, old)
    assert "directory-rollback" in received.reasons[0]
    side.config.directory.write_bytes(b"of a stranger")
    assert take(serving, sent(side)).reasons[0].startswith("directory.der: ")
    assert serving.config.directory.read_bytes() == taken
    assert [path.name for path in serving.config.private.glob("directory.new*")] == []


def test_a_first_directory_that_is_refused_leaves_nothing_to_judge_by(side: Side, serving: Side) -> None:
    side.run()
    side.config.directory.write_bytes(b"of a stranger")
    with pytest.raises(HostError, match=r"directory\.der: cannot be read"):
        take(serving, sent(side))


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda _: b"", "breaks off"),
    "something else": (lambda _: b"SSH-2.0\n", "does not begin as one"),
    "a line without end": (lambda _: b"x" * 1000, "a line that is too long"),
    "cut": (lambda good: good[:-20], "breaks off"),
    "no end": (lambda good: good.rpartition(b"end")[0], "breaks off"),
    "a wrong count": (lambda good: good.replace(b"end 5", b"end 4"), "no good name and size"),
    "too large": (lambda _: FIRST + f"{HEX}/ocsp.der 16385\n".encode(), "of 16385 octets"),
    "a huge directory": (lambda _: FIRST + b"directory.der 99999999\n", "of 99999999 octets"),
    "a path": (lambda _: FIRST + f"{HEX}/../../x 1\nx".encode(), "no good name and size"),
    "an absolute path": (lambda _: FIRST + b"/etc/passwd 1\nx", "no good name and size"),
    "another folder": (lambda _: FIRST + b"private/directory.json 1\nx", "no good name and size"),
    "a negative size": (lambda _: FIRST + f"{HEX}/ocsp.der -1\n".encode(), "no good name and size"),
    "other digits": (lambda _: FIRST + f"{HEX}/ocsp.der \u0661\n".encode(), "no good name and size"),
    "a second directory": (
        lambda good: good.removesuffix(b"end 5\n") + b"directory.der 1\nx",
        "a directory that is not the first file",
    ),
}


@pytest.mark.parametrize(("make", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_delivery(side: Side, serving: Side, make: Callable[[bytes], bytes], said: str) -> None:
    side.run()
    take(serving, sent(side))
    good = {path: path.read_bytes() for path in serving.config.staples.rglob("*/*")}
    with pytest.raises(Malformed, match=said):
        take(serving, make(sent(side)))
    assert {path: path.read_bytes() for path in serving.config.staples.rglob("*/*")} == good


def test_more_files_than_there_may_be(side: Side, serving: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    side.run()
    monkeypatch.setattr(stream, "MOST", 3)
    with pytest.raises(Malformed, match="more than 3 files"):
        take(serving, sent(side))


def test_who_falls_silent_is_not_waited_for(serving: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "TAKING_SECONDS", 0.05)
    reading, writing = os.pipe()
    os.write(writing, FIRST)
    with pytest.raises(MecaiError, match="not over in time"):
        receive(serving.config, serving.environment, reading)
    os.close(reading)
    os.close(writing)


def test_a_delivery_waits_for_another_one_and_says_so_before_its_sender_gives_up(
    side: Side, serving: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything waits, the directory too: two deliveries have one file to judge it in."""
    assert delivery.PATIENCE < delivery.TAKING_SECONDS < delivery.SECONDS
    monkeypatch.setattr(delivery, "PATIENCE", 0.05)
    side.run()
    with (
        locked(serving.config.private / "round.lock"),
        pytest.raises(HostError, match=r"round\.lock: another process has held it"),
    ):
        take(serving, sent(side))
    assert not serving.config.directory.exists()
    assert take(serving, sent(side)).written == 4
