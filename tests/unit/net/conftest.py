"""What every test of the way out shares."""

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Wait for the threads that a lookup left behind: signals that a later test sends would meet them."""
    yield
    for thread in threading.enumerate():
        if thread.name == "background":
            thread.join(10)
            assert not thread.is_alive()
