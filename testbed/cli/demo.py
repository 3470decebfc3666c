"""`testbed demo`: show the accepted connection, the attack, the refusal and the healed lab."""

import json
import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from mecai.errors import InputError
from testbed.cli.options import format_option, lab_option, open_lab
from testbed.machine import tools
from testbed.scenarios import demonstration
from testbed.scenarios.arena import Arena


@click.command()
@lab_option
@format_option
def command(lab_id: str | None, form: str) -> None:
    """Show on a running lab what vouchers are for: accepted, attacked, refused, healed."""
    tools.require_root()
    driver, plan = open_lab(lab_id)
    missing = demonstration.left_out(plan)
    if not demonstration.playable(plan):
        raise InputError(f"topology {plan.topology.name}: {missing}: name another lab with --lab")
    with driver.lab.lock():
        if form == "json":
            steps = demonstration.play(Arena.of(driver, plan), lambda _step: None)
            click.echo(json.dumps({"lab": driver.lab.id, "steps": [asdict(step) for step in steps]}, indent=2))
        else:
            demonstration.play(Arena.of(driver, plan), show, colour=sys.stdout.isatty())
            click.echo(f"left out: {missing}" if missing else "", nl=bool(missing))


def show(step: demonstration.Step) -> None:
    """Print one step: its title, the command as a person would type it, and what the host said."""
    console = Console(highlight=False, soft_wrap=True)
    console.rule(f"[bold]{step.title}", align="left")
    console.print(f"[dim]{step.host} $[/] [bold]{step.command}[/]")
    console.print(Text.from_ansi(step.output))
    mark = "[green]as expected[/]" if step.good else "[red]not as expected[/]"
    console.print(f"{mark}: {step.expected} (exit code {step.exit_code})\n")
