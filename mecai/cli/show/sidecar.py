"""What lies beside a server, and how long it lasts: `mecai sidecar refresh` and `status`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console
from rich.table import Table

from mecai.cli.show.cells import cell
from mecai.service.printable import printable
from mecai.sidecar.standing import StapleStatus, State

_COLOURS: Final = {State.GOOD: "green", State.PARTIAL: "yellow"}


def document(row: StapleStatus, moment: datetime) -> dict[str, object]:
    """Return one voucher or staple for programs; `age` and `left` in seconds."""
    return {
        "certificate": row.certificate,
        "kind": row.kind,
        "name": row.name,
        "state": row.state.word,
        "thisUpdate": row.this_update.isoformat() if row.this_update else None,
        "nextUpdate": row.next_update.isoformat() if row.next_update else None,
        "age": int((moment - row.this_update).total_seconds()) if row.this_update else None,
        "left": int((row.next_update - moment).total_seconds()) if row.next_update else None,
        "due": row.due.isoformat() if row.due else None,
        "detail": row.detail,
    }


def print_rows(rows: Sequence[StapleStatus], moment: datetime) -> None:
    """Print a table, then what is to be said of single rows."""
    console = Console()
    console.print(_table(rows, moment))
    for row in rows:
        if row.detail:
            line = f"{row.certificate}, {row.name}: {row.state.word}: {row.detail}"
            console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _table(rows: Sequence[StapleStatus], moment: datetime) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("certificate", "from", "state", "age", "left", "next"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row.state, "red")
        age = moment - row.this_update if row.this_update else None
        left = row.next_update - moment if row.next_update else None
        due = row.due - moment if row.due else None
        state = f"[{colour}]{row.state.word}[/]"
        table.add_row(cell(row.certificate), cell(row.name), state, *map(_span, (age, left, due)))
    return table


def _span(length: timedelta | None) -> str:
    """Say a length of time in hours and minutes."""
    if length is None:
        return ""
    minutes = int(length.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60:02} min"
