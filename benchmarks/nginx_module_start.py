"""What the nginx module costs at a start and a reload, with 1,000 certificates times 60 vouchers.

How soon it serves, and has read all; how long reading keeps a worker from its event loop; and memory. Two workers of a
real nginx, whose waits for events are timed from inside (`nginx_module_shim/tests/loop.c`): a stretch between two of
them is what a client waits for. Required is what its processor time says: on the clock, other programs are in it.

`MECAI_BENCH_CERTIFICATES` (default 1000) times 60 vouchers, which takes minutes to make.
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import staples as directories
from benchmarks.measure import Result, bounded, phase
from benchmarks.nginx_module import server_blocks
from benchmarks.staples import fill, scene_of_today
from tests.integration.nginx_module.server import SHIM, Nginx, Staples, build_modules
from tests.integration.nginx_module.test_zone import status
from tests.integration.nginx_module.tls import ask
from tests.pki import Issued
from tests.ports import free_port

CERTIFICATES: Final = int(os.environ.get("MECAI_BENCH_CERTIFICATES", directories.CERTIFICATES))
AUTHORITIES: Final = directories.AUTHORITIES
WORKERS: Final = 2
MILLISECONDS: Final = 10  # between two waits of an event loop
MEBIBYTES: Final = 200  # of a worker, all that it shares counted
_BOUND: Final = 900.0  # seconds for each phase
_PAUSE: Final = 0.02  # seconds between two looks
_LEAST: Final = 0.001  # MiB


def run() -> list[Result]:
    """Start and reload the stock nginx, then the module's, which reads all in between."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        staples = Staples(home / "staples")
        with phase("nginx_module_start: made"):
            sites = fill(staples, scene_of_today(), CERTIFICATES, AUTHORITIES)
        with _running(home / "stock", staples, sites, load=False) as stock:
            theirs = _reload(stock)
        with _running(home / "module", staples, sites, load=True) as server:
            return [*_started(server, stock), *_reloaded(server, _reload(server), theirs)]


@dataclass
class _Timed(Nginx):
    """An nginx whose waits for events are timed."""

    library: Path = field(default_factory=Path)

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "LD_PRELOAD": str(self.library), "MECAI_LOOP": f"{self.home}/loop"}


@dataclass(frozen=True)
class _Server:
    """One that runs: where its status is, the seconds until it shook hands, and those of its master's processor."""

    nginx: _Timed
    status: int
    seconds: float
    processor: float

    @property
    def master(self) -> int:
        """The process that reads the configuration."""
        return int((self.nginx.home / "nginx.pid").read_text())

    @property
    def pids(self) -> set[int]:
        """The workers."""
        return self.nginx.worker_pids()

    def longest(self, pids: set[int]) -> tuple[float, float]:
        """Return the milliseconds that any of these was away from its event loop: on the clock, of the processor."""
        files = [self.nginx.home / f"loop.{pid}" for pid in pids]
        _until(lambda: all(each.exists() and each.read_text() for each in files))
        lines = [each.read_text().split() for each in files]
        clock, processor = (max(int(line[at]) for line in lines) / 1e6 for at in (0, 1))
        return clock, processor

    def read(self) -> bool:
        """Tell whether all is in the zone, if there is one."""
        return not self.nginx.load or status(self.status)["unread"] == 0

    def memory(self) -> float:
        """Return what the master and the workers have in MiB, each page once."""
        found = 0.0
        for pid in (self.master, *self.pids):
            try:
                found += _mebibytes(pid, "Pss")
            except (ProcessLookupError, FileNotFoundError):  # it has just ended
                continue
        return found


@contextmanager
def _running(home: Path, staples: Staples, sites: list[Issued], *, load: bool) -> Iterator[_Server]:
    home.mkdir()
    library = home / "loop.so"
    source = str(SHIM / "tests" / "loop.c")
    words = ["cc", "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-o", str(library), source, "-ldl"]
    subprocess.run(words, check=True)
    nginx = _Timed(home, build_modules(), staples, load=load, workers=WORKERS, library=library)
    port, plain = free_port(), free_port()
    location = "location /status { voucher_status; }" if load else ""
    http = server_blocks(nginx, port, sites) + f"server {{ listen 127.0.0.1:{plain}; {location} }}"
    began = time.monotonic()
    try:
        with phase(f"nginx_module_start: {home.name} started"):
            nginx.start(http)
            ask(port, None)
        seconds, master = time.monotonic() - began, int((home / "nginx.pid").read_text())
        yield _Server(nginx, plain, seconds, _processor(master))
    finally:
        nginx.stop()


def _started(server: _Server, stock: _Server) -> list[Result]:
    began, workers = time.monotonic(), server.pids
    with phase("nginx_module_start: all read"):
        _until(server.read)
    seconds = server.seconds + time.monotonic() - began
    processor = sum(map(_processor, workers))
    clock, kept = server.longest(workers)
    what = f"{CERTIFICATES} x {AUTHORITIES}"
    return [
        _told(f"nginx module: first handshake after a start, {what}", server.seconds, "s", stock.seconds),
        _told("nginx module: all read after a start", seconds, "s"),
        _told("nginx module: processor time of the master until then", server.processor, "s", stock.processor),
        _told("nginx module: processor time of the workers until all is read", processor, "s"),
        _told("nginx module: longest away from the event loop, on the clock", clock, "ms"),
        bounded("nginx module: longest away from the event loop, processor time", kept, "ms", MILLISECONDS),
        bounded("nginx module: a worker's memory", max(_mebibytes(pid, "Rss") for pid in workers), "MiB", MEBIBYTES),
    ]


@dataclass(frozen=True)
class _Reload:
    """How long one took, on the clock and of the processor; MiB of all processes before another one, and in it."""

    seconds: float
    processor: float
    before: float
    most: float


def _reload(server: _Server) -> _Reload:
    """Reload twice: to look at memory takes time of the processor."""
    began, master = time.monotonic(), _processor(server.master)
    _renew(server, lambda: None)
    seconds = time.monotonic() - began
    processor = _processor(server.master) - master + sum(map(_processor, server.pids))
    before, seen = server.memory(), [0.0]
    _renew(server, lambda: seen.append(server.memory()))
    return _Reload(seconds, processor, before, max(seen))


def _renew(server: _Server, look: Callable[[], None]) -> None:
    old = server.pids

    def done() -> bool:
        look()
        return not old & server.pids and len(server.pids) >= WORKERS and server.read()

    server.nginx.reload()
    _until(done)


def _reloaded(server: _Server, ours: _Reload, theirs: _Reload) -> list[Result]:
    workers = server.pids
    clock, kept = server.longest(workers)
    added, added_by_stock = (max(each.most - each.before, _LEAST) for each in (ours, theirs))
    return [
        _told("nginx module: a reload, until the old workers are gone", ours.seconds, "s", theirs.seconds),
        _told("nginx module: processor time of it", ours.processor, "s", theirs.processor),
        _told("nginx module: longest away from the event loop after it, on the clock", clock, "ms"),
        bounded("nginx module: longest away after a reload, processor time", kept, "ms", MILLISECONDS),
        bounded("nginx module: the most memory in a reload", ours.most, "MiB", 2 * ours.before),
        _told("nginx module: of it, more than before", added, "MiB", added_by_stock),
        _told("nginx module: private memory of a worker after it", max(map(_private, workers)), "MiB"),
    ]


def _told(name: str, value: float, unit: str, stock: float | None = None) -> Result:
    """Tell what was measured once; nothing is required of it."""
    ratio, against = (1.0, "") if stock is None else (round(stock / value, 3), f"stock nginx, {stock:.3f} {unit}")
    return Result(name, round(value, 3), unit, ratio, against, 0.0, 1, ratio)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _BOUND
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"nginx has not read all after {_BOUND:g} s")
        time.sleep(_PAUSE)  # between two looks, up to the bound: nginx says to nobody that it has read


def _processor(pid: int) -> float:
    """Return the processor time of a process in seconds (clock_getcpuclockid(3))."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def _mebibytes(pid: int, *names: str) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.findall(rf"^(?:{'|'.join(names)}): +(\d+) kB$", text, re.MULTILINE)
    return sum(map(int, found)) / 1024


def _private(pid: int) -> float:
    return _mebibytes(pid, "Private_Clean", "Private_Dirty")
