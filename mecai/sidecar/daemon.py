"""The service: one round after the other, each when something is due, or at once when it is told to (SIGHUP).

It wakes when something changes in a folder from which it reads (`mecai.sidecar.notice`), and in any case every two
minutes, to see whether a chain or the directory has changed. A round begins no question after `ROUND_SECONDS`, nor,
once it is `LEAST_SECONDS` old, when the next one is wanted; what it left is still due then. Ending the service at any
moment is safe: files appear wholly or not at all, so SIGTERM needs no care.

systemd hears of it before each round and after it (sd_notify(3), WATCHDOG=1). A round takes a minute, and as long as
the last question to an authority: `mecai.vrp.ask.SECONDS` for each of its servers. WatchdogSec is to be well above.
"""

import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from mecai.errors import MecaiError
from mecai.service.deadline import Deadline
from mecai.service.systemd import notify
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.metrics import Metrics
from mecai.sidecar.places import folders_of
from mecai.sidecar.refresh import Environment, Refresher

LOG = logging.getLogger(__name__)

ROUND_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 300.0  # between two looks at every file of the store
PATIENCE: Final = 5.0  # seconds for another process's round; a minute later comes the next try
SHORTEST_SLEEP: Final = timedelta(seconds=1)
LONGEST_SLEEP: Final = timedelta(minutes=2)
LEAST_SECONDS: Final = 5.0  # of a round, so that a folder in which something happens all the time stops nothing


class Wait(Protocol):
    """Waits so many seconds; tells whether it was woken to fetch everything now."""

    def __call__(self, seconds: float) -> bool:
        """Wait."""
        ...

    def wanted(self) -> bool:
        """Tell whether somebody would wake it at once."""
        ...

    def watch(self, folders: Collection[Path]) -> None:
        """Let a change in these folders wake it, and in no others."""
        ...


def run(path: Path, environment: Environment, wait: Wait) -> None:
    """Run rounds for ever; raises `MecaiError` only if the first reading of the configuration fails."""
    config = read_config(path)
    metrics = Metrics(config)
    notify("READY=1")
    try:
        everything = False
        while True:
            _until_hangup(Refresher(config, environment), metrics, wait, everything=everything)
            everything = True
            config = _reread(path, config)
            metrics = _renewed(metrics, config)
    finally:
        metrics.close()


def _until_hangup(refresher: Refresher, metrics: Metrics, wait: Wait, *, everything: bool) -> None:
    """Run rounds by the same settings, until others are wanted and everything anew."""
    rest = Deadline(0)
    while True:
        notify("WATCHDOG=1")
        _watch(refresher.config, wait)  # before it looks: a change meanwhile leads to another round
        look = not rest.left()
        rest = Deadline(LOOK_SECONDS) if look else rest
        due = _round(refresher, wait, everything=everything, look=look)
        notify("WATCHDOG=1")
        if look and metrics.wanted:
            _tell(metrics, refresher)
        if wait(_pause(due, refresher.now()).total_seconds()):
            return
        everything = False


def _round(refresher: Refresher, wait: Wait, *, everything: bool, look: bool) -> datetime | None:
    """Run one round; what stops it whole (the directory, say, or a fault) is logged and tried again."""
    most, least = Deadline(ROUND_SECONDS), Deadline(LEAST_SECONDS)

    def go_on() -> bool:
        return least.left() > 0 or (most.left() > 0 and not wait.wanted())

    try:
        return refresher.run(everything=everything, look=look, go_on=go_on, patience=PATIENCE)
    except MecaiError as error:
        LOG.error("nothing can be fetched: %s", error)  # noqa: TRY400 - a verdict, not a fault
        return None
    except Exception:
        LOG.exception("the round was not finished, by a fault of this program")
        return None


def _watch(config: SidecarConfig, wait: Wait) -> None:
    """Have changes wake it; where that is not to be had they are seen by the next look."""
    try:
        wait.watch(folders_of(config))
    except Exception:
        LOG.exception("changes are not noticed at once")


def _tell(metrics: Metrics, refresher: Refresher) -> None:
    """Tell how everything stands, or that nothing can be judged; whatever goes wrong here ends no service."""
    now = refresher.now()
    rows = None
    try:
        with suppress(MecaiError):  # which the round has logged: the directory cannot be read, say
            rows = refresher.report(now)
    except Exception:
        LOG.exception("nothing can be judged, by a fault of this program")
    metrics.update(rows, now)


def _renewed(metrics: Metrics, config: SidecarConfig) -> Metrics:
    """Tell where the settings say now; an address that cannot be listened at is logged."""
    metrics.close()
    try:
        return Metrics(config)
    except MecaiError as error:
        LOG.error("%s", error)  # noqa: TRY400 - a verdict, not a fault
        return Metrics(replace(config, metrics_address=None))


def _pause(due: datetime | None, now: datetime) -> timedelta:
    return LONGEST_SLEEP if due is None else min(max(due - now, SHORTEST_SLEEP), LONGEST_SLEEP)


def _reread(path: Path, config: SidecarConfig) -> SidecarConfig:
    try:
        return read_config(path)
    except MecaiError as error:
        LOG.error("configuration not taken over: %s", error)  # noqa: TRY400 - a verdict, not a fault
        return config
