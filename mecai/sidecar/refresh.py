"""Rounds: see what is in the store, fetch what is due, judge it, write it (docs/spec, end of section 5).

What is written was judged a moment before by the rules of a client. What is there and is no longer good by them,
because it has expired, was damaged, or somebody was revoked or left the directory, is removed. A good file is never
replaced by a bad one, and a voucher for all addresses not by one for fewer. Vouchers of a certificate that is no longer
configured stay until they expire, for the server may not have been reloaded yet; the last takes their directory along.

Rounds never interleave, whichever process runs them: a lock is held for the time. One file or one authority that
fails, in whatever way, fails alone; what was planned until then is saved.
"""

import logging
from collections.abc import Callable, Container, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from mecai.errors import HostError, MecaiError
from mecai.service.locks import SECONDS, locked
from mecai.sidecar.complaints import Complaints
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.judges import judges
from mecai.sidecar.keeping import Keeper
from mecai.sidecar.kinds.kind import FetchTask, StapleKind
from mecai.sidecar.lanes import LONGEST_PAUSE, Outcome, Work, run_lanes
from mecai.sidecar.report import report
from mecai.sidecar.schedule import NextFetch, Schedule, after_failure, after_hold, after_success
from mecai.sidecar.standing import StapleStatus
from mecai.sidecar.store import StapleKey
from mecai.sidecar.wanted import Wanted
from mecai.vrp.answers import Held, RequestRefused

LOG = logging.getLogger(__name__)

GoOn = Callable[[], bool]


@dataclass(frozen=True)
class Environment:
    """What is outside: the clock, chance, and the kinds of staples, which know the VASes and the responders."""

    clock: Callable[[], datetime]
    rng: Random
    kinds: Callable[[SidecarConfig], Sequence[StapleKind]]


class Refresher:
    """Runs rounds over everything that `config` names; remembers from one round to the next what it has judged."""

    def __init__(self, config: SidecarConfig, environment: Environment) -> None:
        kinds = environment.kinds(config)
        self.config = config
        self._environment = environment
        self._kinds = kinds
        self._known = judges(config, kinds)
        self._complaints = Complaints()
        self._keeper = Keeper(config, kinds, self._complaints, self._known.verdicts)
        self._looked: Hashable = None  # at what was wanted when the store was looked through
        self._schedule: Schedule | None = None

    def now(self) -> datetime:
        """Return the time by the clock of the environment."""
        return self._environment.clock()

    def report(self, now: datetime) -> tuple[StapleStatus, ...]:
        """Return how everything stands, by the verdicts that it remembers; raises `MecaiError` for the directory."""
        return report(self.config, self._kinds, now, self._known)

    def run(
        self,
        *,
        everything: bool = False,
        look: bool = True,
        go_on: GoOn = lambda: True,
        patience: float = SECONDS,
    ) -> datetime | None:
        """Fetch what is due, or everything; return when something will be due next. Raises `MecaiError`.

        Without `look` the store is looked through only where something else is wanted than before. Where `go_on` says
        no, what was not yet asked stays due; another process's round is waited for `patience` seconds.
        """
        with locked(self.config.private / "round.lock", patience):
            now = self._environment.clock()
            wanted = self._known.surveyor.survey(now)
            for error in wanted.failures.values():
                self._complaints.say(f"certificate cannot be served: {error}")
            schedule = self._schedule = Schedule.read(self.config.private / "schedule.json", self._schedule)
            if everything:
                schedule.forget_times()
            try:
                anew = look or self._looked != (wanted.basis, *wanted.sites)
                present = self._keeper.tidy(wanted, now) if anew else None
                self._looked = (wanted.basis, *wanted.sites)
                self._fetch_due(wanted, schedule, present, now, go_on)
            finally:
                self._complaints.end_round()
                schedule.save({task.identifier for task in wanted.tasks})
            return schedule.next_due()

    def _fetch_due(
        self, wanted: Wanted, schedule: Schedule, present: Container[StapleKey] | None, now: datetime, go_on: GoOn
    ) -> None:
        latest = now + self.config.interval
        due = [
            task
            for task in wanted.tasks
            if _is_due(schedule[task.identifier], now, latest, there=present is None or task.key in present)
        ]
        due.sort(key=lambda task: schedule[task.identifier].failures)  # what fails is not in the way of what may not

        def ask(task: FetchTask) -> Outcome:
            schedule[task.identifier], outcome = self._fetch(wanted, task, schedule[task.identifier].failures)
            return outcome

        def put_off(task: FetchTask, heard: Outcome) -> None:
            schedule[task.identifier] = self._put_off(schedule[task.identifier], heard)

        run_lanes(due, self.config.parallel_requests, Work(ask, put_off, go_on))

    def _fetch(self, wanted: Wanted, task: FetchTask, failures: int) -> tuple[NextFetch, Outcome]:
        """Fetch, judge, write; return when to do so again, and what the server may have said of others."""
        facts = {"key": str(task.key), "kind": task.kind.word, "from": task.name}
        interval = self.config.interval
        try:
            data = task.fetch(self._environment.clock())
            now = self._environment.clock()
            if isinstance(data, Held):
                LOG.info("on hold", extra=facts | {"until": data.until})
                return after_hold(now, data, interval, self._environment.rng), Outcome()
            servable = self._keeper.write(task.kind, task.key, data, wanted, now)
        except MecaiError as error:
            LOG.warning("not written: %s", error, extra=facts)
            heard = _heard(error)
            return self._failed(failures, str(error), heard.retry), heard
        except Exception as error:
            LOG.exception("not written, by a fault of this program", extra=facts)
            return self._failed(failures, f"internal fault ({type(error).__name__})"), Outcome()
        LOG.info("written", extra=facts | {"nextUpdate": servable.next_update})
        return after_success(now, servable.next_update, interval, self._environment.rng), Outcome()

    def _failed(self, failures: int, said: str, retry: timedelta | None = None) -> NextFetch:
        now, interval = self._environment.clock(), self.config.interval
        return after_failure(now, failures, said, self._environment.rng, min(retry or timedelta(), interval))

    def _put_off(self, planned: NextFetch, heard: Outcome) -> NextFetch:
        """Plan what was not asked because of what was heard: after a failure like its next one, or a short pause.

        It did not fail itself, so it comes before what did.
        """
        pause = min(heard.retry, LONGEST_PAUSE) if heard.retry is not None else None
        return replace(self._failed(planned.failures, heard.trouble, pause), failures=planned.failures)


def _is_due(planned: NextFetch, now: datetime, latest: datetime, *, there: bool) -> bool:
    """Tell whether the time has come, was set by a clock that ran ahead, or the file is gone."""
    return (not there and not planned.said) or not now < planned.due <= latest


def _heard(error: MecaiError) -> Outcome:
    """Return what a failure says of others: nothing, if it is about one certificate alone."""
    if isinstance(error, RequestRefused) and error.retry is not None:
        return Outcome(str(error), error.retry)
    of_one = error.final if isinstance(error, RequestRefused) else not isinstance(error, HostError)
    return Outcome() if of_one else Outcome(str(error))
