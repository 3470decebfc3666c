"""`testbed check`: say whether this machine can run a lab, and what is missing."""

import json
from dataclasses import asdict

import click

from testbed.cli.options import find_source, format_option, lab_option, name_lab, topology_option
from testbed.lifecycle import preflight
from testbed.model.topology import load


@click.command()
@lab_option
@topology_option
@format_option
def command(lab_id: str | None, topology: str | None, form: str) -> int:
    """Say whether this machine can run a lab, and what is missing; changes nothing."""
    model = load(find_source(name_lab(lab_id, topology), topology))
    findings = [
        preflight.Finding("topology", f"{model.name}: {len(model.hosts)} hosts in {len(model.zones)} zones"),
        *preflight.findings(len(model.hosts)),
    ]
    good = not any(finding.fault for finding in findings)
    if form == "json":
        click.echo(json.dumps({"good": good, "checks": [asdict(finding) for finding in findings]}, indent=2))
    else:
        for finding in findings:
            verdict, text = ("no", finding.fault) if finding.fault else ("ok", finding.seen)
            click.echo(f"{verdict}  {finding.check:<10} {text}")
    return 0 if good else 3
