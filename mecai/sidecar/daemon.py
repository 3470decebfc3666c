"""The service: one round after the other, each when something is due, or at once when it is told to (SIGHUP).

It wakes at least once a minute to see whether a chain or the directory has changed. Ending it at any moment is safe:
files appear wholly or not at all, so SIGTERM needs no care.
"""

import logging
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mecai.errors import MecaiError
from mecai.service.systemd import notify
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.refresh import Environment, Refresher

LOG = logging.getLogger(__name__)

SHORTEST_SLEEP: Final = timedelta(seconds=1)
LONGEST_SLEEP: Final = timedelta(minutes=1)

# Waits so many seconds; tells whether it was woken to fetch everything now.
Wait = Callable[[float], bool]


def run(path: Path, environment: Environment, wait: Wait) -> None:
    """Run rounds for ever; raises `MecaiError` only if the first reading of the configuration fails."""
    refresher = Refresher(read_config(path), environment)
    notify("READY=1")
    everything = False
    while True:
        due = _round(refresher, everything=everything)
        everything = wait(_pause(due, environment.clock()).total_seconds())
        if everything:
            refresher = Refresher(_reread(path, refresher.config), environment)


def _round(refresher: Refresher, *, everything: bool) -> datetime | None:
    """Run one round; what stops it whole (the directory, say, or a fault) is logged and tried again."""
    try:
        return refresher.run(everything=everything)
    except MecaiError as error:
        LOG.error("nothing can be fetched: %s", error)  # noqa: TRY400 - a verdict, not a fault
        return None
    except Exception:
        LOG.exception("the round was not finished, by a fault of this program")
        return None


def _pause(due: datetime | None, now: datetime) -> timedelta:
    return LONGEST_SLEEP if due is None else min(max(due - now, SHORTEST_SLEEP), LONGEST_SLEEP)


def _reread(path: Path, config: SidecarConfig) -> SidecarConfig:
    try:
        return read_config(path)
    except MecaiError as error:
        LOG.error("configuration not taken over: %s", error)  # noqa: TRY400 - a verdict, not a fault
        return config


def hangup_waiter() -> Wait:
    """Return a `Wait` that SIGHUP wakes; the signal is kept back meanwhile, so that none is lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    return lambda seconds: signal.sigtimedwait({signal.SIGHUP}, seconds) is not None
