"""Record what crosses the wires of a host: packets by its tcpdump, as pcap, bounded in time and size."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.machine.limits import LIMITS

_READY: Final = "listening on"
_BLOCK: Final = 512  # bytes, of `ulimit -f` (POSIX)
# Its end is the end of its standard input: so it ends with the program that records, however that ends. Of its outputs
# tcpdump alone is left: where that ends too soon they end, and whoever waits for its word hears so.
_RECORD: Final = """\
ulimit -f "$2"
timeout --signal=INT "$1" tcpdump -i "$3" -U -w - "$4" &
recorder=$!
exec 1>&- 2>&-
read -r _
kill -INT "$recorder"
wait "$recorder"
"""


@dataclass(frozen=True)
class Wire:
    """Where to record: a host, one of its interfaces or any, and which packets (pcap-filter(7); empty: all)."""

    host: str
    interface: str = "any"
    only: str = ""


@contextmanager
def recording(driver: Driver, wire: Wire, into: Path) -> Iterator[None]:
    """Record until the caller is done, as pcap; raises `HostError` when the recorder does not begin."""
    bounds = [str(LIMITS.recording_seconds), str(LIMITS.recording_bytes // _BLOCK)]
    command = driver.enter(wire.host, ["sh", "-c", _RECORD, "sh", *bounds, wire.interface, wire.only])
    with (
        into.open("wb") as sink,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.PIPE) as recorder,
    ):
        try:
            _await_ready(recorder.stderr, wire.host)
            yield
        finally:
            try:
                recorder.communicate(timeout=LIMITS.command_seconds)
            except subprocess.TimeoutExpired:
                recorder.kill()


def _await_ready(said: IO[bytes] | None, host: str) -> None:
    last = "it said nothing"
    for line in said or ():
        last = line.decode(errors="replace").strip() or last
        if _READY in last:
            return
    raise HostError(f"{host}: tcpdump did not begin to listen: {last}")
