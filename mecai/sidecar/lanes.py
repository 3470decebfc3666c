"""Who is asked when: one question at a time to each authority and each responder, all of them side by side.

So no server has much to do at once, and one that is slow or silent holds up nobody but itself: after `TRIES` troubles
one after the other, or a `Retry-After`, the rest of its lane is put off without being asked. Nothing of this is
remembered but in the schedule, where each task has its own time.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mecai.sidecar.kinds.kind import FetchTask

LOG = logging.getLogger(__name__)

TRIES: Final = 3
LONGEST_PAUSE: Final = timedelta(minutes=1)  # of a whole lane: what a server says of one certificate holds for that one


@dataclass(frozen=True)
class Outcome:
    """What asking once says of the server: the `trouble` with it, if any; `retry` is the pause that it asked for."""

    trouble: str = ""
    retry: timedelta | None = None


@dataclass(frozen=True)
class Work:
    """What is done with a task: it is asked (`ask`), or put off without being asked because of what others heard."""

    ask: Callable[[FetchTask], Outcome]
    put_off: Callable[[FetchTask, Outcome], None]
    go_on: Callable[[], bool]  # False: what is not yet asked stays due


def run_lanes(tasks: Collection[FetchTask], parallel: int, work: Work) -> None:
    """Ask everybody, at most `parallel` at once, each for its tasks in their order."""
    lanes: defaultdict[str, list[FetchTask]] = defaultdict(list)
    for task in tasks:
        lanes[task.whom].append(task)
    if lanes:
        with ThreadPoolExecutor(min(parallel, len(lanes)), "lane") as pool:
            list(pool.map(lambda lane: _run(lane, work), lanes.values()))


def _run(lane: Sequence[FetchTask], work: Work) -> None:
    troubles = 0
    for place, task in enumerate(lane, start=1):
        if not work.go_on():
            return
        outcome = work.ask(task)
        troubles = troubles + 1 if outcome.trouble else 0
        if rest := lane[place:] if outcome.retry is not None or troubles == TRIES else ():
            LOG.warning("%d more are put off: %s", len(rest), outcome.trouble, extra={"from": task.whom})
            for other in rest:
                work.put_off(other, outcome)
            return
