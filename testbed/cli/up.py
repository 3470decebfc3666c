"""`testbed up`: make a lab, or complete it."""

import json
import sys
from dataclasses import asdict

import click

from testbed import up
from testbed.cli.options import format_option, lab_option, name_lab, topology_option
from testbed.cli.progress import Progress
from testbed.stages import run
from testbed.topology import find


@click.command()
@lab_option
@topology_option
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@format_option
def command(lab_id: str | None, topology: str, until: str | None, form: str) -> None:
    """Make a lab, or complete it: running it again changes nothing that is right."""
    lab = name_lab(lab_id, topology)
    making = up.prepare(lab, find(topology))
    with lab.lock(), Progress(sys.stderr if form == "json" else sys.stdout) as progress:
        results = run(making.stages(), progress, until)
    if form == "json":
        answer = {"lab": lab.id, "topology": making.plan.topology.name, "stages": [asdict(result) for result in results]}
        click.echo(json.dumps(answer, indent=2))
