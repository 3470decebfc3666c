"""Tables for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from testbed.lifecycle.health import HostStatus

_WIDEST = 1000
_COLOURS = {"healthy": "green", "degraded": "yellow", "down": "red"}


def show_status(console: Console, statuses: Sequence[HostStatus]) -> None:
    """Show one line for each host, then one for each problem."""
    headers = ("host", "role", "zone", "IPv4", "IPv6", "state", "health")
    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for status in statuses:
        health = f"[{_COLOURS[status.health]}]{status.health}[/]"
        table.add_row(status.name, status.role, status.zone, *status.addresses, status.state, health)
    # No cell is cut: a pipe gets the table whole, and a terminal that is narrower wraps it.
    console.width = max(console.width, Measurement.get(console, console.options.update(width=_WIDEST), table).maximum)
    console.print(table)
    for status in statuses:
        for problem in status.problems:
            line = f"{status.name}: expected: {problem.promise}; seen: {problem.said}\n  {problem.command}"
            console.print(escape(line), soft_wrap=True, highlight=False)
