"""What a delivery takes of the receiving host: time, too."""

import os

import pytest

from mecai.errors import HostError
from mecai.service.deadline import Deadline
from mecai.sidecar.stream import FIRST, files_of, last


@pytest.mark.parametrize(("seconds", "in_time"), [(30, True), (0, False)])
def test_a_sender_that_never_pauses_ends_at_the_deadline_too(seconds: float, in_time: bool) -> None:
    read, write = os.pipe()
    os.write(write, FIRST + last(0))
    os.close(write)
    try:
        if in_time:
            assert list(files_of(read, Deadline(seconds))) == []
        else:
            with pytest.raises(HostError, match="not over in time"):
                list(files_of(read, Deadline(seconds)))
    finally:
        os.close(read)
