"""What a scene leaves for whoever wants to look: what crossed the client's wire, with keys, and what each client said.

`DIRECTORY/SCENARIO/` in the lab's files holds `capture.pcap`, `keys.log` (Wireshark reads both) and, for each scene and
kind of client, `SCENE-KIND.json`; a run replaces that of the run before.
"""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from testbed.drivers.driver import Driver
from testbed.machine.lab import Lab
from testbed.scenarios import recorder
from testbed.scenarios.clients import PLAIN
from testbed.scenarios.recorder import Wire

_ONLY = "tcp port 443 or port 80 or port 53"


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


def recording(driver: Driver, host: str, into: Path) -> AbstractContextManager[None]:
    """Record what a host asks and is answered, as pcap; raises `HostError` when the recorder does not begin."""
    return recorder.recording(driver, Wire(host, only=_ONLY), into)
