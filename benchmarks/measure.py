"""How measurements are made and told.

Two pieces of work are timed in turns of about a millisecond, in an order that is drawn for each pair, so that whatever
else the machine does hits both alike.
Time is the processor's, of this thread alone, unless a benchmark says otherwise. Others on the machine can only add to
it (they take caches and shared units away), so the value is that of the fastest hundredth of the turns, and `ratio` of
two such values: what the work costs where it is left alone. `typical` is the median of the ratios of neighbouring
turns, disturbed as they were, `spread` half the distance between their quartiles, and `error` the standard error of
that median (by resampling): how far another run on this machine would be from it. What is required is required of
`ratio`.

A result, as in `benchmarks/results/NAME.json`: `value` in `unit`; `ratio` says how many times better it is than what it
is held `against` (higher is better); `runs` is how many turns there were.
"""

import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography.hazmat.backends.openssl import backend

RUNS: Final = 1000
_TURN_NANOSECONDS: Final = 1_000_000
_WARM_UP: Final = 50
_RESAMPLES: Final = 200  # Efron, Tibshirani, An Introduction to the Bootstrap, section 6.4: enough for standard errors
_SEED: Final = 358
_LEAST: Final = 0.001  # of any unit: the kernel may have counted no tick of the clock

Work = Callable[[], object]
Clock = Callable[[], int]  # nanoseconds


@dataclass(frozen=True)
class Result:
    """One measured thing; `required` is the ratio that it is meant to reach, where there is one."""

    name: str
    value: float
    unit: str
    ratio: float
    against: str
    spread: float
    runs: int
    typical: float
    required: float | None = None
    error: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it reaches what is required."""
        return self.required is None or self.ratio >= self.required


def paired(
    name: str,
    work: Work,
    other: Work,
    against: str,
    *,
    required: float | None = None,
    runs: int = RUNS,
    clock: Clock = time.thread_time_ns,
    other_clock: Clock | None = None,
) -> Result:
    """Time `work` in turns with `other`; the value is in microseconds.

    Work that waits, for a disk for instance, is timed by a `clock` that goes on meanwhile; work that another process
    does, by that one's clock. `other` is timed by the same unless it has a clock of its own.
    """
    clocked = (work, clock), (other, other_clock or clock)
    turns = [(each, _turn(each, clock, min(runs, _WARM_UP)), clock) for each, clock in clocked]
    numbers = random.Random(_SEED)  # noqa: S311 - no secret is drawn
    times: tuple[list[float], list[float]] = [], []
    for _ in range(runs):
        for place in numbers.sample((0, 1), 2):
            times[place].append(_microseconds(*turns[place]))
    value, ratio = _fastest(times[0]), round(_fastest(times[1]) / _fastest(times[0]), 3)
    typical, spread, error = summary([theirs / ours for ours, theirs in zip(*times, strict=True)])
    return Result(name, value, "µs", ratio, against, spread, runs, typical, required, error)


def limited(name: str, work: Work, limit: float, *, clock: Clock = time.thread_time_ns) -> Result:
    """Time `work` against a limit in microseconds."""
    count = _turn(work, clock)
    times = [_microseconds(work, count, clock) for _ in range(RUNS)]
    value = _fastest(times)
    typical, spread, error = summary([limit / each for each in times])
    ratio = round(limit / value, 3)
    return Result(name, value, "µs", ratio, f"limit of {limit:g} µs", spread, RUNS, typical, 1.0, error)


def sized(name: str, octets: bytes, limit: int | None, what: str) -> Result:
    """Hold a size against a limit, where there is one."""
    size = len(octets)
    ratio = round((limit or size) / size, 4)
    return Result(name, size, "octets", ratio, what, 0.0, 1, ratio, 1.0 if limit else None)


def bounded(name: str, value: float, unit: str, limit: float) -> Result:
    """Hold what was measured once against a limit."""
    ratio = round(limit / max(value, _LEAST), 3)
    return Result(name, round(value, 3), unit, ratio, f"limit of {limit:g} {unit}", 0.0, 1, ratio, 1.0)


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Tell on standard error what a phase took, of the processor too: this process and those that it has waited for."""
    wall, processor = time.monotonic(), sum(os.times()[:4])
    yield
    took = f"{time.monotonic() - wall:.1f} s, {sum(os.times()[:4]) - processor:.1f} s of the processor"
    print(f"{name}: {took}", file=sys.stderr, flush=True)


def machine() -> dict[str, object]:
    """Say where this was measured, and how busy it was there."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cryptography": version("cryptography"),
        "openssl": backend.openssl_version_text(),
    }


def _turn(work: Work, clock: Clock, warm_up: int = _WARM_UP) -> int:
    """Warm up, and return how often `work` fits into one turn."""
    for _ in range(warm_up):
        work()
    begin, count = clock(), 0
    while clock() - begin < _TURN_NANOSECONDS:
        work()
        count += 1
    return count


def _microseconds(work: Work, count: int, clock: Clock) -> float:
    begin = clock()
    for _ in range(count):
        work()
    return (clock() - begin) / count / 1000


def _fastest(times: Sequence[float]) -> float:
    return round(statistics.quantiles(times, n=100, method="inclusive")[0], 2)


def summary(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, half the distance between the quartiles, and the standard error of the median."""
    low, median, high = statistics.quantiles(ratios, n=4)
    numbers = random.Random(_SEED)  # noqa: S311 - no secret is drawn
    medians = [statistics.median(numbers.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES)]
    return round(median, 3), round((high - low) / 2, 3), round(statistics.stdev(medians), 4)
