"""`testbed check`: say whether this machine can run a lab, and what is missing."""

import json
from dataclasses import asdict

import click

from testbed.cli.options import format_option, lab_option, name_lab, read_topology, topology_option
from testbed.drivers import driver_of
from testbed.lifecycle import preflight


@click.command()
@lab_option
@topology_option
@format_option
def command(lab_id: str | None, topology: str | None, form: str) -> int:
    """Say whether this machine can run a lab, and what is missing; changes nothing."""
    lab = name_lab(lab_id, topology)
    model, _ = read_topology(lab, topology)
    findings = [
        preflight.Finding("topology", f"{model.name}: {len(model.hosts)} hosts in {len(model.zones)} zones"),
        *preflight.findings(driver_of(lab), len(model.hosts)),
    ]
    good = not any(finding.fault for finding in findings)
    if form == "json":
        click.echo(json.dumps({"good": good, "checks": [asdict(finding) for finding in findings]}, indent=2))
    else:
        click.echo("\n".join(map(_line, findings)))
    return 0 if good else 3


def _line(finding: preflight.Finding) -> str:
    verdict, text = ("no", finding.fault) if finding.fault else ("ok", finding.seen)
    return f"{verdict}  {finding.check:<10} {text}"
