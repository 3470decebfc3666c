"""What is in the store, judged anew, and what was said when it was fetched last: `mecai sidecar status`.

Nothing is fetched and nothing is changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from mecai.errors import HostError, VerificationError
from mecai.protocol.pki.identity import address_text
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.judges import Judges, judges
from mecai.sidecar.kinds.kind import FetchTask, Servable, StapleKind
from mecai.sidecar.schedule import Schedule
from mecai.sidecar.standing import StapleStatus, State
from mecai.sidecar.store import StapleStore
from mecai.sidecar.verdicts import Verdicts
from mecai.sidecar.wanted import Wanted


def report(
    config: SidecarConfig,
    kinds: Sequence[StapleKind],
    now: datetime,
    known: Judges | None = None,
    chain: Path | None = None,
) -> tuple[StapleStatus, ...]:
    """Return one row for each file that is wanted, or that is for one chain; raises `MecaiError` for the directory."""
    known = known or judges(config, kinds)
    wanted = known.surveyor.survey(now)
    store = StapleStore(config.staples)
    schedule = Schedule(config.private / "schedule.json")
    unreadable = [
        StapleStatus(str(path), "certificate", "", State.UNREADABLE, str(error))
        for path, error in wanted.failures.items()
        if chain in {None, path}
    ]
    if chain:
        wanted = replace(wanted, tasks=tuple(task for task in wanted.tasks if task.site.entry.chain == chain))
    return (*unreadable, *_rows(wanted, store, known.verdicts, schedule, now))


def _rows(
    wanted: Wanted, store: StapleStore, verdicts: Verdicts, schedule: Schedule, now: datetime
) -> Iterator[StapleStatus]:
    for task in wanted.tasks:
        planned = schedule[task.identifier]
        servable = None
        if store.holds(task.key):
            state, detail, servable = _state(task, verdicts, wanted, now)
        else:
            state, detail = State.MISSING, ""
        yield StapleStatus(
            certificate=task.site.name,
            kind=task.kind.word,
            name=task.name,
            state=state,
            detail="; ".join(filter(None, (detail, planned.said))),
            this_update=servable.this_update if servable else None,
            next_update=servable.next_update if servable else None,
            due=max(planned.due, now),
        )


def _state(task: FetchTask, verdicts: Verdicts, wanted: Wanted, now: datetime) -> tuple[State, str, Servable | None]:
    """Return how the file stands that is there."""
    try:
        servable = verdicts.stored(task.key, wanted, now)
    except VerificationError as error:
        return State.EXPIRED if error.reason == "expired" else State.BAD, str(error), None
    except HostError as error:
        return State.BAD, str(error), None
    if servable and servable.left_out:
        return State.PARTIAL, f"not for {', '.join(map(address_text, servable.left_out))}", servable
    return State.GOOD, "", servable
