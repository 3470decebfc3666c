"""What lies on the store, judged anew, and what was said when it was fetched last: `mecai sidecar status`.

Nothing is fetched and nothing is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mecai.errors import HostError, VerificationError
from mecai.protocol.pki.identity import address_text
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.judge import Good, judge
from mecai.sidecar.refresh import View, look_around
from mecai.sidecar.schedule import Schedule
from mecai.sidecar.site import FetchTask
from mecai.sidecar.store import StapleStore


class State(Enum):
    """How one voucher or staple stands; `served` says whether a client is served by it."""

    GOOD = ("good", True)
    PARTIAL = ("partial", True)  # good, but not for every configured address
    EXPIRED = ("expired", False)
    BAD = ("bad", False)  # lies there, and a client would refuse it, or it cannot be read
    MISSING = ("missing", False)
    UNREADABLE = ("unreadable", False)  # the chain of the server itself cannot be served

    def __init__(self, word: str, served: bool) -> None:
        self.word = word
        self.served = served


@dataclass(frozen=True)
class Row:
    """One line of the report. `kind` is voucher or ocsp, or certificate for a chain that cannot be served."""

    certificate: str
    kind: str
    name: str
    state: State
    detail: str = ""
    this_update: datetime | None = None
    next_update: datetime | None = None
    due: datetime | None = None


def report(config: SidecarConfig, now: datetime) -> tuple[Row, ...]:
    """Return one row for each staple and each voucher that is wanted; raises `MecaiError` for the directory."""
    view = look_around(config, now)
    schedule = Schedule(config.private / "schedule.json")
    unreadable = [
        Row(str(path), "certificate", "", State.UNREADABLE, str(error)) for path, error in view.failures.items()
    ]
    return (*unreadable, *_rows(view, StapleStore(config.staples), schedule, now))


def _rows(view: View, store: StapleStore, schedule: Schedule, now: datetime) -> Iterator[Row]:
    for task in view.tasks:
        next_fetch = schedule[task.identifier]
        state, detail, good = _state(task, store, view, now)
        yield Row(
            certificate=task.site.name,
            kind="voucher" if task.authority else "ocsp",
            name=task.authority.name if task.authority else "OCSP staple",
            state=state,
            detail="; ".join(filter(None, (detail, next_fetch.said))),
            this_update=good.this_update if good else None,
            next_update=good.next_update if good else None,
            due=max(next_fetch.due, now),
        )


def _state(task: FetchTask, store: StapleStore, view: View, now: datetime) -> tuple[State, str, Good | None]:
    try:
        if (data := store.read(task.key)) is None:
            return State.MISSING, "", None
        good = judge(data, task.key, task.site, view.directory, now)
    except VerificationError as error:
        return State.EXPIRED if error.reason == "expired" else State.BAD, str(error), None
    except HostError as error:
        return State.BAD, str(error), None
    left_out = [] if task.authority is None else [a for a in task.site.entry.octets if a not in good.addresses]
    if left_out:
        return State.PARTIAL, f"not for {', '.join(map(address_text, left_out))}", good
    return State.GOOD, "", good
