"""The benchmarks that need servers can be done: what `make bench` times is run once here, and not timed."""

import time
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from benchmarks import __main__ as program
from benchmarks import measure, sidecar_refresh, vas_service

# What each is to do of its work here, and how many results come of it at least.
SMALL: Final[dict[str, tuple[dict[str, int], int]]] = {
    "voucher_issuance": ({"RUNS": 4}, 6),
    "voucher_log": ({"RUNS": 4, "CERTIFICATES": 2000}, 6),
    "nginx_module": ({"RUNS": 4, "CERTIFICATES": 3}, 4),
    "nginx_module_start": ({"CERTIFICATES": 3, "AUTHORITIES": 2}, 8),
    "first_flight": ({}, 4),
    "client_handshake": ({"RUNS": 4, "SITES": 3}, 6),
    "sidecar_refresh": ({"CERTIFICATES": 3, "ROUNDS": 1}, 4),
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


def test_the_sidecar_s_benchmark_tells_each_phase_and_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At rest the service pauses two minutes between two rounds: what is measured is the rounds."""
    monkeypatch.setattr(sidecar_refresh, "CERTIFICATES", 1)
    monkeypatch.setattr(sidecar_refresh, "ROUNDS", 1)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("sleeps"))
    sidecar_refresh.run()
    told = capsys.readouterr().err
    assert [line.split(": ")[1] for line in told.splitlines() if line.startswith("sidecar_refresh: ")] == [
        "prepared",
        "fetched",
        "at rest",
    ]


def test_a_sidecar_that_hangs_ends_its_benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sidecar_refresh, "_MECAI", ["/bin/sh", "-c", "exec sleep 600"])
    monkeypatch.setattr(sidecar_refresh, "BOUND", 0.1)
    with pytest.raises(RuntimeError, match=r"after 0\.1 s"):
        sidecar_refresh._refresh(tmp_path / "sidecar.toml")
