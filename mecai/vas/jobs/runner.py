"""Does what is in the outbox, one message after the other; several runners share one outbox.

Ending one at any moment is safe: what it had taken is due again (`mecai.vas.storage.outbox`).
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from mecai.errors import HostError, MecaiError
from mecai.vas.storage.outbox import Message, Outbox

LOG = logging.getLogger(__name__)
FIRST_PAUSE: Final = timedelta(minutes=1)  # before the second attempt; each is twice as long as the one before
LONGEST_PAUSE: Final = timedelta(hours=4)
PERSISTENCE: Final = timedelta(days=5)  # after which a message is given up (RFC 5321 section 4.5.4.1)

SHORTEST_SLEEP: Final = timedelta(seconds=1)
LONGEST_SLEEP: Final = timedelta(seconds=5)  # so much later than it could a mail leaves at most

# What came of a message, when it is due again, and whether it failed: the arguments of `Outbox.settle`.
Settlement = tuple[Message, str, datetime | None, bool]
# Does a message and says in a few words what came of it; raises `MecaiError` for what may go better later.
Handler = Callable[[Message, datetime], str]


class GivenUp(MecaiError):
    """What will go no better later."""


class PutOff(HostError):
    """What may go better, and is known not to before `due`."""

    def __init__(self, line: str, due: datetime) -> None:
        super().__init__(line)
        self.due = due


def _nothing(_now: datetime) -> None:
    pass


@dataclass(frozen=True)
class Runner:
    """Handlers by the kind of message; other kinds stay for who has one. `tidy` is called when nothing is due.

    What came of a message is `unsettled` while the database fails, and said first when it is back: a mail that has left
    would leave again, and what is to be tried again would wait for the end of its lease. Those of `only` share it.
    """

    outbox: Outbox
    handlers: Mapping[str, Handler]
    clock: Callable[[], datetime]
    tidy: Callable[[datetime], None] = _nothing
    unsettled: deque[Settlement] = field(default_factory=deque)

    def only(self, kinds: Collection[str]) -> "Runner":
        """Return one for these kinds alone."""
        return replace(self, handlers={kind: handler for kind, handler in self.handlers.items() if kind in kinds})

    def run(self) -> int:
        """Do everything that is due, and return how many messages that were."""
        count = 0
        self._settle_all()
        while (message := self.outbox.take(self.clock(), self.handlers)) is not None:
            self._do(message)
            count += 1
        self.tidy(self.clock())
        return count

    def pause(self) -> float:
        """Return how many seconds nothing is due, so far as is known now; others may put something in meanwhile."""
        due = self.outbox.next_due(self.handlers)
        left = LONGEST_SLEEP if due is None else min(due - self.clock(), LONGEST_SLEEP)
        return max(left, SHORTEST_SLEEP).total_seconds()

    def _do(self, message: Message) -> None:
        facts = {"kind": message.kind, "key": message.key, "attempt": message.attempts}
        try:
            outcome = self.handlers[message.kind](message, self.clock())
        except GivenUp as error:
            LOG.error("given up: %s", error, extra=facts)  # noqa: TRY400 - a verdict, not a fault
            self._settle(message, f"given up: {error}", None, failed=True)
        except PutOff as error:
            self._try_again(message, str(error), error.due)
        except MecaiError as error:
            self._try_again(message, str(error))
        except Exception as error:  # a message that no handler survives must not stop those after it
            LOG.exception("a fault of this program", extra=facts)
            self._try_again(message, f"a fault of this program: {type(error).__name__}")
        else:
            LOG.info("done", extra=facts | {"outcome": outcome})
            self._settle(message, outcome, None, failed=False)

    def _settle(self, message: Message, outcome: str, due: datetime | None, *, failed: bool) -> None:
        self.unsettled.append((message, outcome, due, failed))
        self._settle_all()

    def _settle_all(self) -> None:
        while self.unsettled:
            try:
                settlement = self.unsettled.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                self.outbox.settle(*settlement)
            except (OperationalError, InterfaceError):  # of any other error this would be once more, for ever
                self.unsettled.append(settlement)
                raise

    def _try_again(self, message: Message, why: str, due: datetime | None = None) -> None:
        now = self.clock()
        if now - message.created >= PERSISTENCE:
            self._settle(message, f"given up: {why}", None, failed=True)
            return
        due = due or now + _pause(message.attempts)
        LOG.warning("to be tried again: %s", why, extra={"kind": message.kind, "key": message.key, "pause": due - now})
        self._settle(message, why, due, failed=True)


def _pause(attempts: int) -> timedelta:
    doublings = min(attempts - 1, LONGEST_PAUSE // FIRST_PAUSE)  # no more than matter
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def run_all_forever(runners: Sequence[Runner], stopped: threading.Event) -> None:
    """Run each in a thread of its own, so that none waits for another, until `stopped`; a fault of one ends all."""
    with ThreadPoolExecutor(len(runners)) as pool:
        running = [pool.submit(run_forever, each, stopped) for each in runners]
        try:
            wait(running, return_when=FIRST_COMPLETED)
        finally:
            stopped.set()
    for each in running:
        each.result()


def run_forever(runner: Runner, stopped: threading.Event) -> None:
    """Do what becomes due until `stopped`; a database that fails is logged, and asked again."""
    while not stopped.is_set():
        try:
            runner.run()
            pause = runner.pause()
        except SQLAlchemyError:
            LOG.exception("the database failed")
            pause = LONGEST_SLEEP.total_seconds()
        stopped.wait(pause)
