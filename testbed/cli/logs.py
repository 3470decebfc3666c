"""`testbed logs`: show what a host logged."""

import click

from testbed.cli.options import lab_option, open_lab, topology_option
from testbed.machine import tools

_LINES = "--lines=100"


@click.command(context_settings={"ignore_unknown_options": True})
@lab_option
@topology_option
@click.argument("host")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[JOURNALCTL-ARGUMENTS]...")
def command(lab_id: str | None, topology: str | None, host: str, words: tuple[str, ...]) -> None:
    """Show the journal of a host since its last boot, or the console of one that does not run."""
    tools.require_root()
    driver, plan = open_lab(lab_id, topology)
    plan.topology.host(host)
    if driver.state(host) == "stopped":
        tools.become(["tail", _LINES, str(driver.console(host))])
    tools.become(driver.enter(host, ["journalctl", "--boot", "--no-pager", *(words or (_LINES,))]))
