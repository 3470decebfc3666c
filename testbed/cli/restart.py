"""`testbed restart`: boot a host anew."""

import json

import click
from rich.console import Console

from testbed.cli.options import format_option, lab_option, open_made, topology_option
from testbed.cli.progress import Progress
from testbed.lifecycle.restart import restart
from testbed.lifecycle.stages import Stage, run
from testbed.machine import tools
from testbed.machine.waiting import Note


@click.command()
@lab_option
@topology_option
@format_option
@click.argument("host")
def command(lab_id: str | None, topology: str | None, form: str, host: str) -> None:
    """Boot a host anew, its files as they are; what else does not run is booted with it."""
    tools.require_root()
    driver, made = open_made(lab_id, topology)
    made.plan.topology.host(host)

    def boot(note: Note) -> str:
        restart(driver, made, host, note)
        return f"{host} is running"

    progress = Progress(Console(stderr=form == "json"))
    look = f"testbed logs --lab {driver.lab.id} {host}"
    with driver.lab.lock():
        try:
            run([Stage("restart", boot, look=look)], progress)
        finally:
            progress.stop()
    if form == "json":
        click.echo(json.dumps({"lab": driver.lab.id, "host": host, "state": driver.state(host)}, indent=2))
