"""The status table fits 80 columns, no cell is cut, and a problem that many hosts have is said once."""

import io

import pytest
from rich.console import Console

from testbed.cli.tables import show_status
from testbed.lifecycle.health import BrokenPromise, HostStatus

ADDRESSES = ("198.18.99.110", "2001:db8:99::110")
STOPPED = BrokenPromise("runs", "stopped", "testbed up --lab tiny")


def widest(name: str, *problems: BrokenPromise) -> HostStatus:
    """Return a host whose every cell is as wide as it can be."""
    return HostStatus(name, "tls_server", "twelve-chars", "stopped", "degraded", ADDRESSES, problems)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_cell_is_cut_and_80_columns_hold_the_widest(width: int) -> None:
    out = io.StringIO()
    show_status(Console(file=out, width=width), [widest("twelve-chars")])
    _, row = out.getvalue().splitlines()
    assert row.split() == ["twelve-chars", "twelve-chars", "tls_server", *ADDRESSES, "degraded"]
    assert len(row.rstrip()) <= 80


def test_what_many_hosts_do_not_do_is_said_once_with_one_hint() -> None:
    out, other = io.StringIO(), BrokenPromise("nginx runs", "inactive [x]", "testbed exec www -- systemctl")
    names = [f"host-{number}" for number in range(9)]
    show_status(Console(file=out, width=80), [*(widest(name, STOPPED) for name in names), widest("www", other)])
    assert out.getvalue().splitlines()[11:] == [
        f"{', '.join(names)}: expected: runs; seen: stopped",
        "  testbed up --lab tiny",
        "www: expected: nginx runs; seen: inactive [x]",
        "  testbed exec www -- systemctl",
    ]


def test_hosts_of_one_zone_stand_together_under_its_name() -> None:
    out = io.StringIO()
    places = (("a", "west"), ("b", "east"), ("c", "west"))
    hosts = [HostStatus(name, "client", zone, "running", "healthy", ADDRESSES, ()) for name, zone in places]
    show_status(Console(file=out, width=80), hosts)
    assert [line.split()[:2] for line in out.getvalue().splitlines()[1:]] == [
        ["west", "a"], ["c", "client"], ["east", "b"],
    ]  # fmt: skip
