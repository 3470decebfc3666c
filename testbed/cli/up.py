"""`testbed up`: make a lab, or complete it."""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from testbed.cli import demo
from testbed.cli.options import format_option, lab_option, name_lab, read_topology, topology_option
from testbed.cli.progress import Progress
from testbed.cli.tables import show_status
from testbed.drivers import driver_of
from testbed.lifecycle import health, up
from testbed.lifecycle.stages import Result, run
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.model.plan import Plan
from testbed.scenarios.demonstration import Step


@click.command()
@lab_option
@topology_option
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@format_option
def command(lab_id: str | None, topology: str | None, until: str | None, form: str) -> None:
    """Make a lab, or complete it: running it again changes nothing that is right."""
    tools.require_root()
    lab = name_lab(lab_id, topology)
    model, source = read_topology(lab, topology)
    as_json = form == "json"
    progress = Progress(Console(stderr=as_json))
    with lab.lock():
        driver = driver_of(lab)
        made = up.intend(driver, model, source)
        show = _show_nothing if as_json else partial(_show, progress)
        build = up.LabBuild(driver, made, show, colour=not as_json and sys.stdout.isatty())
        results = _run(build, progress, until)
    if as_json:
        _answer(build, results)
    elif until is None:
        _conclude(build)


def _show_nothing(_step: Step) -> None:
    """Leave stdout to the JSON answer."""


def _show(progress: Progress, step: Step) -> None:
    progress.aside(lambda: demo.show(step))


def _run(build: up.LabBuild, progress: Progress, until: str | None) -> list[Result]:
    try:
        return run(build.stages(), progress, until)
    finally:
        progress.stop()


def _conclude(build: up.LabBuild) -> None:
    show_status(Console(), health.observe(build.driver, build.plan))
    click.echo("\nNext:\n" + "\n".join(f"  {line}" for line in _next_commands(build.lab, build.plan)))


def _answer(build: up.LabBuild, results: list[Result]) -> None:
    stages = [asdict(result) for result in results]
    answer = {"lab": build.lab.id, "topology": build.plan.topology.name, "stages": stages}
    click.echo(json.dumps(answer, indent=2))


def _next_commands(lab: Lab, plan: Plan) -> list[str]:
    """Return three commands to try, as this shell can run them."""
    option = "" if lab.id == plan.topology.name else f" --lab {lab.id}"
    roles = {host.role: host for host in reversed(plan.topology.hosts)}
    program = sys.argv[0]
    if Path(program).is_relative_to(Path.cwd()):
        program = str(Path(program).relative_to(Path.cwd()))
    commands = [f"{program} status{option}", f"{program} down{option}"]
    if (client := roles.get("client")) and (server := roles.get("tls_server")) and server.names:
        commands.insert(0, f"{program} exec{option} {client.name} -- mecai client get https://{server.names[0]}/")
    else:
        commands.insert(0, f"{program} ssh{option} {plan.topology.hosts[0].name}")
    return commands
