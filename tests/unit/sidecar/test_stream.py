"""What a delivery takes of the receiving host: time, too."""

import os
import threading

import pytest

from mecai.errors import HostError
from mecai.service.deadline import Deadline
from mecai.sidecar import stream
from mecai.sidecar.stream import FIRST, files_of, last, write


@pytest.mark.parametrize(("seconds", "in_time"), [(30, True), (0, False)])
def test_a_sender_that_never_pauses_ends_at_the_deadline_too(seconds: float, in_time: bool) -> None:
    read, write = os.pipe()
    os.write(write, FIRST + last(0))
    os.close(write)
    try:
        if in_time:
            assert list(files_of(read, Deadline(seconds))) == []
        else:
            with pytest.raises(HostError, match="not over in time"):
                list(files_of(read, Deadline(seconds)))
    finally:
        os.close(read)


def test_a_file_that_trickles_in_ends_at_its_own_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FILE_SECONDS", 0.05)
    reading, writing = os.pipe()
    os.write(writing, FIRST + b"directory.der 2\nx")
    try:
        with pytest.raises(HostError, match=r"gives no file in 0\.05 s"):
            list(files_of(reading, Deadline(10)))
    finally:
        os.close(reading)
        os.close(writing)


def test_what_nobody_reads_is_written_until_the_deadline() -> None:
    """The pipe takes 64 KiB, then nothing more; without a deadline its writer would sleep for ever."""
    reading, writing = os.pipe()
    try:
        with pytest.raises(HostError, match="not taken in time"):
            write(writing, bytes(1 << 20), Deadline(0.05))
        assert os.read(reading, 1 << 20)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_reader_that_is_slow_gets_everything() -> None:
    reading, writing = os.pipe()
    octets, got = os.urandom(1 << 18), b""
    thread = threading.Thread(target=write, args=(writing, octets, Deadline(300)))
    thread.start()
    while len(got) < len(octets):
        got += os.read(reading, 1000)
    thread.join()
    os.close(reading)
    os.close(writing)
    assert got == octets
