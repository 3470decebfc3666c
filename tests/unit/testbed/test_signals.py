"""A signal that ends the program unwinds it, and only it: a child that it forked ends as ever."""

import os
import signal

import pytest

from testbed.machine.signals import unwinding


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_signal_unwinds_and_its_handler_is_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    undone = []

    def interrupted() -> None:
        with unwinding():
            try:
                signal.raise_signal(number)
            finally:
                undone.append(number)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert undone == [number]
    assert signal.getsignal(number) == before


def test_a_forked_child_is_ended_and_undoes_nothing() -> None:
    with unwinding():
        child = os.fork()
        if child == 0:
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
