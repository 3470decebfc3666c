"""`testbed up`: make a lab, or complete it."""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from mecai.errors import InputError
from testbed.cli import demo
from testbed.cli.options import format_option, lab_option, name_lab, read_topology, topology_option
from testbed.cli.progress import Progress
from testbed.cli.tables import show_status
from testbed.drivers import driver_of
from testbed.lifecycle import health, kept, up
from testbed.lifecycle.stages import Result, run
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.model.plan import Plan
from testbed.scenarios.demonstration import Step


@click.command()
@lab_option
@topology_option
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@click.option("--from", "origin", metavar="NAME|FILE", help="Make it from a save, or from an exported file.")
@click.option(
    "--fresh",
    is_flag=True,
    envvar="MECAI_LAB_FRESH",
    help="Make it from nothing, whatever is kept (MECAI_LAB_FRESH=1).",
)
@format_option
def command(
    *, lab_id: str | None, topology: str | None, until: str | None, origin: str | None, fresh: bool, form: str
) -> None:
    """Make a lab, or complete it: running it again changes nothing that is right."""
    tools.require_root()
    lab, archive = _find(lab_id, topology, origin)
    as_json = form == "json"
    progress = Progress(Console(stderr=as_json))
    with lab.lock():
        driver = driver_of(lab)
        made = up.intend_saved(driver, archive) if archive else up.intend(driver, *read_topology(lab, topology))
        show = _show_nothing if as_json else partial(_show, progress)
        colour = not as_json and sys.stdout.isatty()
        build = up.LabBuild(driver, made, show, colour=colour, archive=archive, fresh=fresh)
        results = _run(build, progress, until)
    if as_json:
        _answer(build, results)
    elif until is None:
        _conclude(build)


def _find(lab_id: str | None, topology: str | None, origin: str | None) -> tuple[Lab, Path | None]:
    """Return the lab, and the archive that it is to be made from if one is named."""
    if origin is None:
        return name_lab(lab_id, topology), None
    if topology:
        raise InputError("--from and --topology: a saved lab has its own topology: use one of them")
    if kept.is_file(origin) and not lab_id:
        return Lab(kept.read(Path(origin)).made.plan.topology.name), Path(origin).absolute()
    lab = name_lab(lab_id, topology)
    return lab, kept.find(lab, origin)


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
