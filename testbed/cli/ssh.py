"""`testbed ssh`: open an SSH session to a host."""

import os

import click

from testbed import preflight
from testbed.cli.options import lab_option, open_lab, topology_option


@click.command(context_settings={"ignore_unknown_options": True})
@lab_option
@topology_option
@click.argument("host")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[SSH-ARGUMENTS]...")
def command(lab_id: str | None, topology: str | None, host: str, words: tuple[str, ...]) -> None:
    """Open an SSH session to a host; further words go to ssh."""
    preflight.require_root()
    lab, plan = open_lab(lab_id, topology)
    plan.topology.host(host)
    os.execvp("ssh", ["ssh", "-F", str(lab.ssh_config), host, *words])  # noqa: S606 - a list, no shell
