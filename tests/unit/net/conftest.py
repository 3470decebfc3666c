"""What every test of the way out shares."""

import threading
from collections.abc import Iterator

import pytest

from tests.patience import SECONDS


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Wait for the threads that a lookup left behind: signals that a later test sends would meet them."""
    yield
    for thread in threading.enumerate():
        if thread.name == "background":
            thread.join(SECONDS)
            assert not thread.is_alive()
