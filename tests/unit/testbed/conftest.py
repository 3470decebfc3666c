"""The stage on which scenarios are played in memory."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.machine.limits import LIMITS
from testbed.scenarios import engine, recorder
from testbed.scenarios.drawing import Wanted
from tests.unit.testbed.played import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a lab in memory."""
    monkeypatch.setattr(recorder, "recording", lambda *_: nullcontext())
    monkeypatch.setattr(Wanted, "met", lambda *_: True)
    monkeypatch.setattr(engine, "LIMITS", replace(LIMITS, measured_seconds=0))
    return Stage(tmp_path)
