"""`testbed list`: name the labs on this machine."""

import json
from collections import Counter

import click
from rich.console import Console

from mecai.errors import HostError
from testbed.cli.options import format_option
from testbed.cli.tables import show_table
from testbed.drivers import driver_of
from testbed.machine.lab import Lab


@click.command()
@format_option
def command(form: str) -> None:
    """Name the labs on this machine, each with its topology, its hosts and the checkout that made it."""
    labs = [_describe(lab) for lab in Lab.all()]
    if form == "json":
        click.echo(json.dumps({"labs": labs}, indent=2))
    elif labs:
        show_table(Console(), labs[0], [list(lab.values()) for lab in labs])
    else:
        click.echo("no lab on this machine: make one with: testbed up")


def _describe(lab: Lab) -> dict[str, str]:
    """Say what a lab is; one that is damaged or half made is listed, too."""
    try:
        made = lab.snapshot()
    except HostError:
        return {"lab": lab.id, "topology": "damaged record", "hosts": "", "checkout": ""}
    if made is None:
        return {"lab": lab.id, "topology": "no record yet", "hosts": "", "checkout": ""}
    hosts = made.plan.topology.hosts
    running = Counter(driver_of(lab).state(host.name) for host in hosts)["running"]
    return {
        "lab": lab.id,
        "topology": made.plan.topology.name,
        "hosts": f"{running} of {len(hosts)} running",
        "checkout": made.checkout,
    }
