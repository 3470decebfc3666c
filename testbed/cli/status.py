"""`testbed status`: show each host with its state and health."""

import json
from dataclasses import asdict

import click
from rich.console import Console

from testbed.cli.options import format_option, lab_option, open_lab, topology_option
from testbed.cli.progress import shown
from testbed.cli.tables import show_status
from testbed.lifecycle import health
from testbed.machine import tools

_MIB = 1024**2


@click.command()
@lab_option
@topology_option
@format_option
def command(lab_id: str | None, topology: str | None, form: str) -> int:
    """Show each host with its state and health; exit code 1 unless all are healthy."""
    tools.require_root()
    driver, plan = open_lab(lab_id, topology)
    with shown("status", "asking every host"):
        statuses = health.observe(driver, plan)
        memory = {status.name: driver.memory(status.name) for status in statuses}
    if form == "json":
        rows = [{**asdict(status), "memory": memory[status.name]} for status in statuses]
        click.echo(json.dumps({"lab": driver.lab.id, "topology": plan.topology.name, "hosts": rows}, indent=2))
    else:
        show_status(Console(), statuses)
        click.echo(f"{len(statuses)} hosts, whose processes hold {sum(memory.values()) / _MIB:.0f} MiB")
    return 0 if all(status.health == "healthy" for status in statuses) else 1
