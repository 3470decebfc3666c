"""Tables for the terminal: 80 columns hold them, and no cell is cut."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from testbed.lifecycle.health import BrokenPromise, HostStatus

_WIDEST = 1000
_COLOURS = {"healthy": "green", "degraded": "yellow", "down": "red"}


def show_status(console: Console, statuses: Sequence[HostStatus]) -> None:
    """Show the hosts of each zone, then each problem with the hosts that have it, and the command that shows it."""
    show_table(console, ("zone", "host", "role", "IPv4", "IPv6", "health"), _by_zone(statuses))
    for problem, hosts in _grouped(statuses).items():
        line = f"{', '.join(hosts)}: expected: {problem.promise}; seen: {problem.said}\n  {problem.command}"
        console.print(escape(line), soft_wrap=True, highlight=False)


def show_table(console: Console, headers: Iterable[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Show rows under headers; a pipe gets the table whole, and a terminal that is narrower wraps it."""
    table = Table(*headers, box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else escape(cell) for cell in row))
    console.width = max(console.width, Measurement.get(console, console.options.update(width=_WIDEST), table).maximum)
    console.print(table)


def _by_zone(statuses: Sequence[HostStatus]) -> Iterator[Sequence[str | Text]]:
    """Yield a row for each host, the hosts of one zone together, their zone's name at the first."""
    for zone in dict.fromkeys(status.zone for status in statuses):
        for place, status in enumerate(one for one in statuses if one.zone == zone):
            health = Text(status.health, _COLOURS[status.health])
            yield ("" if place else zone, status.name, status.role, *status.addresses, health)


def _grouped(statuses: Sequence[HostStatus]) -> dict[BrokenPromise, list[str]]:
    """Put together the hosts that have the same problem, which the same command shows."""
    hosts: dict[BrokenPromise, list[str]] = {}
    for status in statuses:
        for problem in status.problems:
            hosts.setdefault(problem, []).append(status.name)
    return hosts
