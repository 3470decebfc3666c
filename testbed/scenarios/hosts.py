"""Commands on the hosts of a lab, as scenarios need them: bounded, with input, and told by the host when they fail."""

import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from textwrap import shorten

from mecai.errors import HostError
from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.machine.limits import LIMITS

Completed = subprocess.CompletedProcess[str]
# Runs a command on a host with this text as its input, whatever its exit code; raises `HostError` when it does not end.
Run = Callable[[str, Sequence[str], str], Completed]

_WORDS_SHOWN = 6
_CHARACTERS_SHOWN = 100


def on_hosts(driver: Driver) -> Run:
    """Return what runs commands on the hosts of a lab."""
    return partial(_run, driver)


def must(run: Run, host: str, command: Sequence[str], stdin: str = "") -> str:
    """Run a command that has to succeed; returns its stdout, raises `HostError` with what it said."""
    done = run(host, command, stdin)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"{host}: {_shown(command)}: exit code {done.returncode}: {said}")
    return done.stdout


def _shown(command: Sequence[str]) -> str:
    """Return the beginning of a command in one line; what scripts are told comes after it."""
    return shorten(" ".join(command[:_WORDS_SHOWN]), _CHARACTERS_SHOWN, placeholder=" [...]")


def _run(driver: Driver, host: str, command: Sequence[str], stdin: str) -> Completed:
    entered, seconds = driver.enter(host, command), LIMITS.command_seconds
    try:
        return subprocess.run(entered, input=stdin, capture_output=True, text=True, check=False, timeout=seconds)
    except FileNotFoundError as error:
        raise tools.absent(entered[0]) from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{host}: {_shown(command)}: no end after {seconds:.0f} s") from error
