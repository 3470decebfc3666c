"""`testbed reset`: put a lab back to what it was when it was first healthy, or to a save."""

import json
from dataclasses import asdict

import click
from rich.console import Console

from mecai.errors import HostError
from testbed.cli.options import format_option, lab_option, open_made, topology_option
from testbed.cli.progress import Progress
from testbed.drivers.driver import Driver
from testbed.lifecycle import kept, restore
from testbed.lifecycle.stages import run
from testbed.lifecycle.up import LabBuild, require_own
from testbed.machine import tools


@click.command()
@lab_option
@topology_option
@format_option
@click.argument("name", required=False)
def command(lab_id: str | None, topology: str | None, form: str, name: str | None) -> None:
    """Put a lab back to what it was when `up` was done with it, or to a save; its logs and evidence stay."""
    tools.require_root()
    driver, made = open_made(lab_id, topology)
    require_own(driver.lab, made)
    progress = Progress(Console(stderr=form == "json"))
    with driver.lab.lock():
        build = _build(driver, name)
        try:
            results = run(build.reset_stages(), progress)
        finally:
            progress.stop()
    if form == "json":
        click.echo(json.dumps({"lab": driver.lab.id, "stages": list(map(asdict, results))}, indent=2))


def _build(driver: Driver, name: str | None) -> LabBuild:
    lab = driver.lab
    file = kept.find(lab, name) if name else lab.clean_file
    if not file.exists():
        raise HostError(f"lab {lab.id}: was not kept when it was made: testbed down --lab {lab.id}, then up")
    return LabBuild(driver, restore.adopted(kept.read(file)), lambda _step: None, archive=file)
