"""A sidecar of 1,000 certificates and 10 authorities: everything fetched anew, and then nothing to do.

Both are real processes: `mecai sidecar refresh` with an empty state, by the clock on the wall and the most memory that
it had; then `mecai sidecar run`, by its processor time over rounds in which nobody is asked. The authorities and the
OCSP responder are doubles on loopback (`vouching_double`), which share the machine's cores with it.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.measure import Result
from benchmarks.vouching_double import make_world, served

CERTIFICATES: Final = int(os.environ.get("MECAI_BENCH_CERTIFICATES", "1000"))
AUTHORITIES: Final = 10
SECONDS: Final = 60
MEBIBYTES: Final = 150
PERCENT: Final = 0.5  # of a core
IDLE_SECONDS: Final = 300  # rounds, and one look at every file
BEFORE_SECONDS: Final = 60  # seconds: what is there is judged once
_BOUND: Final = 1800
_LEAST: Final = 0.001  # of any unit: the kernel may have counted no tick of the clock
_MECAI: Final = [sys.executable, "-c", "from mecai.cli.main import main; main()", "sidecar"]


def run() -> list[Result]:
    """Fetch everything, then rest."""
    world = make_world(CERTIFICATES, AUTHORITIES)
    with tempfile.TemporaryDirectory() as folder, served(world, Path(folder)) as config:
        seconds, mebibytes = _refresh(config)
        written = len(list(Path(folder).glob("state/staples/*/*")))
        if written != CERTIFICATES * (AUTHORITIES + 1):
            raise RuntimeError(f"{written} files were written")
        percent = _rest(config)
    what = f"{CERTIFICATES} certificates, {AUTHORITIES} authorities"
    return [
        _bounded(f"sidecar: all of {what} fetched", seconds, "s", SECONDS),
        _bounded(f"sidecar: memory with {what}", mebibytes, "MiB", MEBIBYTES),
        _bounded(f"sidecar: idle with {what}", percent, "% of a core", PERCENT),
    ]


def _refresh(config: Path) -> tuple[float, float]:
    """Return the seconds and the mebibytes that fetching everything took."""
    with config.with_name("said").open("wb") as said:
        began = time.monotonic()
        sidecar = subprocess.Popen([*_MECAI, "refresh", "--config", config, "--format", "json"], stdout=said)
        _, status, usage = os.wait4(sidecar.pid, 0)
        sidecar.returncode = os.waitstatus_to_exitcode(status)
    if sidecar.returncode:
        raise RuntimeError(f"the sidecar ended with {sidecar.returncode}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def _rest(config: Path) -> float:
    """Return what a sidecar that has everything takes of a core, in percent."""
    with config.with_name("log").open("wb") as log:
        sidecar = subprocess.Popen([*_MECAI, "run", "--config", config], stdout=log)
        try:
            time.sleep(BEFORE_SECONDS)  # not measured: its first look judges everything
            before = _processor_seconds(sidecar.pid)
            time.sleep(IDLE_SECONDS)  # what is measured: a time in which it has nothing to do
            return (_processor_seconds(sidecar.pid) - before) / IDLE_SECONDS * 100
        finally:
            sidecar.terminate()
            sidecar.wait(_BOUND)


def _processor_seconds(process: int) -> float:
    return time.clock_gettime((~process << 3) | 2)  # clock_getcpuclockid(3)


def _bounded(name: str, value: float, unit: str, limit: float) -> Result:
    ratio = round(limit / max(value, _LEAST), 3)
    return Result(name, round(value, 3), unit, ratio, f"limit of {limit:g} {unit}", 0.0, 1, ratio, 1.0)
