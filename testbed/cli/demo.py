"""`testbed demo`: show the accepted connection, the attack, the refusal and the healed lab."""

import json
import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from testbed.cli.options import format_option, lab_option, open_lab
from testbed.lifecycle import preflight
from testbed.scenarios import demonstration


@click.command()
@lab_option
@format_option
def command(lab_id: str | None, form: str) -> None:
    """Show on a running lab what vouchers are for: accepted, attacked, refused, healed."""
    preflight.require_root()
    lab, plan = open_lab(lab_id)
    with lab.lock():
        if form == "json":
            scenes = demonstration.play(lab, plan, lambda _scene: None)
            click.echo(json.dumps({"lab": lab.id, "scenes": [asdict(scene) for scene in scenes]}, indent=2))
        else:
            demonstration.play(lab, plan, show, colour=sys.stdout.isatty())


def show(scene: demonstration.Scene) -> None:
    """Print one scene: its title, the command as a person would type it, and what the host said."""
    console = Console(highlight=False, soft_wrap=True)
    console.rule(f"[bold]{scene.title}", align="left")
    console.print(f"[dim]{scene.host} $[/] [bold]{scene.command}[/]")
    console.print(Text.from_ansi(scene.output))
    mark = "[green]as expected[/]" if scene.good else "[red]not as expected[/]"
    console.print(f"{mark}: {scene.expected} (exit code {scene.exit_code})\n")
