"""The status table is shown whole, however narrow the terminal; problems are lines of their own."""

import io

from rich.console import Console

from testbed.cli.tables import show_status
from testbed.lifecycle.health import BrokenPromise, HostStatus


def test_no_cell_is_cut_in_a_narrow_terminal() -> None:
    problems = (BrokenPromise("runs", "orphaned", "testbed up --lab tiny"),)
    addresses = ("198.18.99.110", "2001:db8:99::110")
    status = HostStatus("twelve-chars", "tls_server", "twelve-chars", "orphaned", "down", addresses, problems)
    out = io.StringIO()

    show_status(Console(file=out, width=40), [status])

    _, row, *problem = out.getvalue().splitlines()
    assert row.split() == ["twelve-chars", "tls_server", "twelve-chars", *addresses, "orphaned", "down"]
    assert problem == ["twelve-chars: expected: runs; seen: orphaned", "  testbed up --lab tiny"]
