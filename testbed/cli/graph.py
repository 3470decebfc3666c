"""`testbed graph`: draw the networks and hosts of a topology."""

from collections.abc import Callable, Mapping

import click

from testbed.cli.options import lab_option, name_lab, read_topology, topology_option
from testbed.model import plan
from testbed.model.plan import Plan
from testbed.report import mermaid, picture

_FORMATS: Mapping[str, Callable[[Plan], str]] = {"mermaid": mermaid.write, "svg": picture.draw_alone}


@click.command()
@lab_option
@topology_option
@click.option(
    "--as", "form", type=click.Choice(list(_FORMATS)), default="mermaid", show_default=True, help="How to draw."
)
def command(lab_id: str | None, topology: str | None, form: str) -> None:
    """Draw the networks and hosts of a lab, or of a topology of which none need run."""
    lab = name_lab(lab_id, topology)
    made = lab.snapshot()
    drawn = made.plan if made and not topology else plan.make(read_topology(lab, topology)[0])
    click.echo(_FORMATS[form](drawn), nl=False)
