"""The benchmarks that need servers can be done: what `make bench` times is run once here, and not timed."""

from importlib import import_module

import pytest

from benchmarks import __main__ as program
from benchmarks import measure, vas_service


@pytest.mark.parametrize("name", program.WITH_SERVERS)
def test_the_work_of_a_benchmark_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"benchmarks.{name}")
    monkeypatch.setattr(module, "RUNS", 4)
    monkeypatch.setattr(module, "CERTIFICATES", 2000, raising=False)
    monkeypatch.setattr(vas_service, "CERTIFICATES", 1)
    for setting, least in (("_TURN_NANOSECONDS", 100_000), ("_WARM_UP", 1)):
        monkeypatch.setattr(measure, setting, least)
    results = {result.name: result for result in module.run()}
    assert len(results) > 5
    assert all(result.ratio > 0 for result in results.values() if result.runs > 1)
