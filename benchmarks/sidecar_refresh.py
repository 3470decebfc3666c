"""A sidecar of 1,000 certificates and 10 authorities: everything fetched anew, and then nothing to do.

Fetching is a real process, `mecai sidecar refresh` with an empty state: by the clock on the wall, by its processor
time, to which other work on the machine adds little, and by the most memory that it had. The authorities and the OCSP
responder are doubles on loopback (`vouching_double`), which share the machine's cores with it.

Rest is the service's own loop (`mecai.sidecar.daemon.run`) without its pauses: what its rounds take of the processor,
set against how often they come. Nobody waits for minutes in which nothing happens. Each phase is told on standard
error when it ends.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import fmean
from typing import Final
from unittest import mock

from benchmarks.measure import Result, bounded, phase
from benchmarks.vouching_double import make_world, served
from mecai.cli.sidecar_settings import environment
from mecai.sidecar import daemon
from mecai.sidecar.memory import LONGEST
from mecai.sidecar.notice import Notices

CERTIFICATES: Final = int(os.environ.get("MECAI_BENCH_CERTIFICATES", "1000"))
AUTHORITIES: Final = 10
SECONDS: Final = 60
MEBIBYTES: Final = 150
PERCENT: Final = 0.5  # of a core
ROUNDS: Final = 10  # of each kind that are measured at rest
BOUND: Final = 600.0  # seconds: ten times what is required, then fetching is ended
_MECAI: Final = [sys.executable, "-c", "from mecai.cli.main import main; main()", "sidecar"]


def run() -> list[Result]:
    """Fetch everything, then rest."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with phase("sidecar_refresh: prepared"):
            config = stack.enter_context(served(make_world(CERTIFICATES, AUTHORITIES), folder))
        with phase("sidecar_refresh: fetched"):
            seconds, processor, mebibytes = _refresh(config)
        written = len(list(folder.glob("state/staples/*/*")))
        if written != CERTIFICATES * (AUTHORITIES + 1):
            raise RuntimeError(f"{written} files were written")
        with phase("sidecar_refresh: at rest"):
            percent = _rest(config)
    what = f"{CERTIFICATES} certificates, {AUTHORITIES} authorities"
    return [
        bounded(f"sidecar: all of {what} fetched", seconds, "s", SECONDS),
        bounded(f"sidecar: processor time for {what}", processor, "s", SECONDS),
        bounded(f"sidecar: memory with {what}", mebibytes, "MiB", MEBIBYTES),
        bounded(f"sidecar: idle with {what}", percent, "% of a core", PERCENT),
    ]


def _refresh(config: Path) -> tuple[float, float, float]:
    """Return the seconds, those of the processor, and the mebibytes that fetching everything took."""
    with config.with_name("said").open("wb") as said:
        began = time.monotonic()
        sidecar = subprocess.Popen([*_MECAI, "refresh", "--config", config, "--format", "json"], stdout=said)
        bound = threading.Timer(BOUND, sidecar.kill)
        bound.start()
        try:
            _, status, usage = os.wait4(sidecar.pid, 0)  # which tells of this process alone
        finally:
            bound.cancel()
        seconds = time.monotonic() - began
        sidecar.returncode = os.waitstatus_to_exitcode(status)
    if seconds >= BOUND:
        raise RuntimeError(f"the sidecar had not fetched everything after {BOUND:g} s")
    if sidecar.returncode:
        raise RuntimeError(f"the sidecar ended with {sidecar.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _rest(config: Path) -> float:
    """Return what a sidecar that has everything takes of a core, in percent."""
    anew, short = _rounds(config)
    with mock.patch.object(daemon, "LOOK_SECONDS", 0.0):
        _, look = _rounds(config)
    share = short / daemon.LONGEST_SLEEP.total_seconds() + look / daemon.LOOK_SECONDS + anew / LONGEST.total_seconds()
    return share * 100


def _rounds(config: Path) -> tuple[float, float]:
    """Return the seconds of the processor of the service's first round, which judges everything, and of later ones."""
    pauses = _NoPauses()
    with suppress(_EnoughError):
        daemon.run(config, environment(), pauses)
    first, _, *others = pauses.rounds  # the second one reads once more what had just been written
    return first, fmean(others)


class _EnoughError(Exception):
    """As many rounds have been run as are measured."""


class _NoPauses:
    """A `daemon.Wait` that does not wait, and clocks what lies between."""

    def __init__(self) -> None:
        self.rounds: list[float] = []
        self._notices = Notices()
        self._began = time.process_time()

    def __call__(self, seconds: float) -> bool:
        """Clock a round."""
        del seconds
        self.rounds.append(time.process_time() - self._began)
        if len(self.rounds) == ROUNDS + 2:
            self._notices.close()
            raise _EnoughError
        self._began = time.process_time()
        return False

    def wanted(self) -> bool:
        """Never: nobody wakes it."""
        return False

    def watch(self, folders: Collection[Path]) -> None:
        """Watch as the service does."""
        self._notices.watch(folders)
