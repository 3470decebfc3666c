"""Waits of a machine that is many times slower, such as an emulated one."""

import os
import subprocess
import sys

import pytest

from mecai.errors import InputError
from testbed.machine.limits import read_patience

_ASK = "from testbed.machine.limits import LIMITS; print(LIMITS.boot_seconds, LIMITS.poll_interval_seconds)"


def test_a_slow_machine_is_waited_for_and_not_asked_less_often() -> None:
    said = subprocess.check_output(
        [sys.executable, "-c", _ASK], env=os.environ | {"MECAI_LAB_PATIENCE": "40"}, text=True
    )
    assert said == "2400 0.1\n"


def test_the_demonstration_s_client_waits_with_the_lab() -> None:
    """What an emulated machine takes to load Python counts against the client's timeout."""
    ask = "from testbed.scenarios.demonstration import _fetch; print(*_fetch('www.example.test'))"
    for patience, words in (("1", ""), ("10", "--timeout 300 "), ("40", "--timeout 600 ")):
        said = subprocess.check_output(
            [sys.executable, "-c", ask], env=os.environ | {"MECAI_LAB_PATIENCE": patience}, text=True
        )
        assert said == f"mecai client get {words}https://www.example.test/\n"


@pytest.mark.parametrize("text", ["", "0", "101", "-1", "1.5", "x", "99999999", "\u0663"])
def test_what_is_no_factor_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"^MECAI_LAB_PATIENCE is .*, expected a whole number from 1 to 100; unset it"):
        read_patience(text)


def test_it_is_refused_by_every_verb_with_the_code_of_bad_input() -> None:
    command = [sys.executable, "-c", "from testbed.cli.main import main; main()", "status"]
    ran = subprocess.run(
        command, env=os.environ | {"MECAI_LAB_PATIENCE": "fast"}, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("testbed: MECAI_LAB_PATIENCE is 'fast', expected ")
    assert ran.stderr.count("\n") == 1
