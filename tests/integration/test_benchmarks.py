"""The benchmarks that need servers can be done: what `make bench` times is run once here, and not timed."""

from importlib import import_module
from typing import Final

import pytest

from benchmarks import __main__ as program
from benchmarks import measure, vas_service

# What each is to do of its work here, and how many results come of it at least.
SMALL: Final[dict[str, tuple[dict[str, int], int]]] = {
    "voucher_issuance": ({"RUNS": 4}, 6),
    "voucher_log": ({"RUNS": 4, "CERTIFICATES": 2000}, 6),
    "nginx_module": ({"RUNS": 4, "CERTIFICATES": 3}, 4),
    "first_flight": ({}, 4),
    "client_handshake": ({"RUNS": 4, "SITES": 3}, 6),
    "sidecar_refresh": ({"CERTIFICATES": 3, "BEFORE_SECONDS": 1, "IDLE_SECONDS": 1}, 3),
}


@pytest.mark.parametrize("name", program.WITH_SERVERS)
def test_the_work_of_a_benchmark_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"benchmarks.{name}")
    settings, least = SMALL[name]
    for setting, value in settings.items():
        monkeypatch.setattr(module, setting, value)
    monkeypatch.setattr(vas_service, "CERTIFICATES", 1)
    for setting, value in (("_TURN_NANOSECONDS", 100_000), ("_WARM_UP", 1)):
        monkeypatch.setattr(measure, setting, value)
    results = {result.name: result for result in module.run()}
    assert len(results) >= least
    assert all(result.ratio > 0 for result in results.values() if result.runs > 1)
