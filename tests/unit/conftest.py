"""What every unit test has around it: nothing that the machine's own environment says of MECAI, no dice."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Property tests repeat themselves; how long they take says how busy the machine is.
settings.register_profile(
    "unit", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_word_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the variables that name a lab, a configuration or a cache: CI sets them, a person may."""
    for name in [name for name in os.environ if name.startswith("MECAI_")]:
        monkeypatch.delenv(name)
