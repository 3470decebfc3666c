"""What a scene leaves for whoever wants to look: what crossed the clients' wires, with keys, and what each client said.

`DIRECTORY/SCENARIO/` in the lab's files holds `capture.pcap` (of each further host that asks, `HOST.pcap`), `keys.log`
(Wireshark reads both) and, for each scene and kind of client, `SCENE-KIND.json`. Where systems route by BGP, there are
the routers' tables: `0-routes.txt` before it all, `SCENE-routes.txt` during each scene that is not measured. A run
replaces that of the run before.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from testbed.drivers.driver import Driver
from testbed.machine.lab import Lab
from testbed.scenarios import loot, recorder, routing
from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import KEYS
from testbed.scenarios.kinds import PLAIN
from testbed.scenarios.recorder import Wire

_ONLY = "tcp port 443 or port 80 or port 53 or tcp port 25 or tcp port 143 or tcp port 993 or tcp port 853"


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


def keep_routes(arena: Arena, scenario: str, scene: int) -> None:
    """Write down what routers go by in this scene, or (0) before the first; nothing where they learn nothing."""
    if tables := routing.tables(arena):
        (folder(arena.lab, scenario) / f"{scene}-routes.txt").write_text(tables, encoding="utf-8")


@contextmanager
def recording(driver: Driver, hosts: Iterable[str], into: Path) -> Iterator[None]:
    """Record what hosts ask and are answered, as pcap; raises `HostError` when a recorder does not begin."""
    names = ("capture.pcap", *(f"{host}.pcap" for host in list(hosts)[1:]))
    with ExitStack() as recorders:
        for host, name in zip(hosts, names, strict=True):
            recorders.enter_context(recorder.recording(driver, Wire(host, only=_ONLY), into / name))
        yield


def keep_keys(arena: Arena, hosts: Iterable[str], into: Path) -> None:
    """Collect the keys of what the clients on these hosts asked."""
    having = [host for host in hosts if loot.has(arena, host, KEYS)]
    if having:
        (into / "keys.log").write_bytes(b"".join(loot.get(arena, host, KEYS) for host in having))
