"""`testbed exec`: run a command on a host."""

import click

from testbed.cli.options import lab_option, open_lab, topology_option
from testbed.machine import tools
from testbed.scenarios import capture


@click.command(context_settings={"ignore_unknown_options": True})
@lab_option
@topology_option
@click.argument("host")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(lab_id: str | None, topology: str | None, host: str, words: tuple[str, ...]) -> None:
    """Run a command on a host as root; its input, output and exit code are passed through."""
    tools.require_root()
    driver, plan = open_lab(lab_id, topology)
    plan.topology.host(host)
    tools.become(driver.enter(host, capture.keeping_keys(words)))
