"""Every benchmark's work can be done: what `make bench` times is run once here, and not timed."""

from importlib import import_module

import pytest

from benchmarks import __main__ as program
from benchmarks import measure


@pytest.mark.parametrize("name", program.NAMES)
def test_the_work_of_a_benchmark_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"benchmarks.{name}")
    for setting, least in (("RUNS", 4), ("_TURN_NANOSECONDS", 100_000), ("_WARM_UP", 1)):
        monkeypatch.setattr(measure, setting, least)
    assert module.run()
