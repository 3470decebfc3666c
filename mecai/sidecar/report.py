"""What lies on the shelf, judged anew, and what was said when it was fetched last: `mecai sidecar status`.

Nothing is fetched and nothing is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from mecai.errors import HostError, VerificationError
from mecai.protocol.pki.identity import address_text
from mecai.sidecar.agenda import Agenda
from mecai.sidecar.config import Config
from mecai.sidecar.judge import Good, judge
from mecai.sidecar.round import View, look_around
from mecai.sidecar.shelf import Shelf
from mecai.sidecar.site import Errand


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


def report(config: Config, now: datetime) -> tuple[Row, ...]:
    """Return one row for each staple and each voucher that is wanted; raises `MecaiError` for the directory."""
    view = look_around(config, now)
    agenda = Agenda(config.private / "agenda.json")
    unreadable = [
        Row(str(path), "certificate", "", State.UNREADABLE, str(error)) for path, error in view.failures.items()
    ]
    return (*unreadable, *_rows(view, Shelf(config.staples), agenda, now))


def _rows(view: View, shelf: Shelf, agenda: Agenda, now: datetime) -> Iterator[Row]:
    for errand in view.errands:
        appointment = agenda[errand.key]
        state, detail, good = _state(errand, shelf, view, now)
        yield Row(
            certificate=errand.site.name,
            kind="voucher" if errand.authority else "ocsp",
            name=errand.authority.name if errand.authority else "OCSP staple",
            state=state,
            detail="; ".join(filter(None, (detail, appointment.said))),
            this_update=good.this_update if good else None,
            next_update=good.next_update if good else None,
            due=max(appointment.due, now),
        )


def _state(errand: Errand, shelf: Shelf, view: View, now: datetime) -> tuple[State, str, Good | None]:
    try:
        if (data := shelf.read(errand.place)) is None:
            return State.MISSING, "", None
        good = judge(data, errand.place, errand.site, view.directory, now)
    except VerificationError as error:
        return State.EXPIRED if error.reason == "expired" else State.BAD, str(error), None
    except HostError as error:
        return State.BAD, str(error), None
    left_out = [] if errand.authority is None else [a for a in errand.site.entry.octets if a not in good.addresses]
    if left_out:
        return State.PARTIAL, f"not for {', '.join(map(address_text, left_out))}", good
    return State.GOOD, "", good
