"""`testbed down`: remove exactly what a lab made."""

import json
from dataclasses import asdict

import click

from testbed.cli.options import format_option, lab_option, name_lab, topology_option
from testbed.cli.progress import shown
from testbed.drivers import driver_of
from testbed.drivers.driver import Removed
from testbed.lifecycle import down
from testbed.machine import tools


@click.command()
@lab_option
@topology_option
@format_option
def command(lab_id: str | None, topology: str | None, form: str) -> None:
    """Remove exactly what a lab made: hosts, networks, mounts, files; the image stays in the cache."""
    tools.require_root()
    lab = name_lab(lab_id, topology)
    with lab.lock(), shown("down", "powering hosts off, removing networks, mounts and files"):
        removed = down.remove(driver_of(lab))
    if form == "json":
        click.echo(json.dumps({"lab": lab.id, "removed": asdict(removed)}, indent=2))
    elif removed == Removed():
        click.echo(f"lab {lab.id}: nothing to remove")
    else:
        counts = f"{removed.hosts} hosts, {removed.namespaces} namespaces, {removed.mounts} mounts"
        click.echo(f"lab {lab.id}: removed {counts}{', its files' if removed.files else ''}")
        if removed.killed:
            click.echo(f"lab {lab.id}: did not power off in time and were killed: {', '.join(removed.killed)}")
