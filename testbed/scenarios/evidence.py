"""What a scene leaves for whoever wants to look: what crossed the client's wire, with keys, and what each client said.

`DIRECTORY/SCENARIO/` in the lab's files holds `capture.pcap`, `keys.log` (Wireshark reads both) and, for each scene and
kind of client, `SCENE-KIND.json`; a run replaces that of the run before.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.scenarios.clients import PLAIN

_READY = "listening on"
# Its end is the end of its standard input: so it ends with the program that records, however that ends.
_RECORD = """\
timeout --signal=INT "$1" tcpdump -i any -U -w - 'tcp port 443 or port 80 or port 53' &
recorder=$!
exec 1>&-
read -r _
kill -INT "$recorder"
wait "$recorder"
"""


def folder(lab: Lab, scenario: str) -> Path:
    """Return where the evidence of a scenario lies."""
    return lab.directory / "evidence" / scenario


def file(lab: Lab, scenario: str, scene: int, kind: str) -> Path:
    """Return where the answer of one client in one scene lies; curl's is no JSON."""
    return folder(lab, scenario) / f"{scene}-{kind}.{'txt' if kind == PLAIN else 'json'}"


def renew(lab: Lab, scenario: str) -> Path:
    """Return the folder for a scenario's evidence, empty."""
    path = folder(lab, scenario)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    return path


@contextmanager
def recording(driver: Driver, host: str, into: Path) -> Iterator[None]:
    """Record what crosses the wires of a host, as pcap; raises `HostError` when the recorder does not begin."""
    command = driver.enter(host, ["sh", "-c", _RECORD, "sh", str(LIMITS.recording_seconds)])
    with (
        into.open("wb") as sink,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.PIPE) as recorder,
    ):
        try:
            _await_ready(recorder.stderr, host)
            yield
        finally:
            try:
                recorder.communicate(timeout=LIMITS.command_seconds)
            except subprocess.TimeoutExpired:
                recorder.kill()


def _await_ready(said: IO[bytes] | None, host: str) -> None:
    for line in said or ():
        if _READY in line.decode(errors="replace"):
            return
    raise HostError(f"{host}: tcpdump did not begin to listen")
