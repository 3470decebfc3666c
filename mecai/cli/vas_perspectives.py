"""`mecai vas perspectives`: whether the agents on other networks answer, and are enough."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import with_format
from mecai.cli.program import later
from mecai.cli.show.tables import Row, show_table
from mecai.cli.vas_config import with_config
from mecai.errors import InputError
from mecai.vas.config import read_config

_ask_agents: Final = later("mecai.cli.asking_agents:ask_agents")


@click.command()
@with_config
@with_format
def perspectives(config_path: Path, style: str) -> int:
    """Ask each agent on another network whether it is ready for this VAS (docs/spec P5).

    Exit code 1: those that are would be too few for a voucher.
    """
    settings = read_config(config_path).perspectives
    if settings is None:
        raise InputError(f"{config_path}: has no [perspectives]; this VAS looks from its own host alone")
    states, enough = _ask_agents(settings)
    if style == "json":
        click.echo(json.dumps([asdict(each) for each in states], indent=2))
    else:
        words = [(each.agent, each.region, "no answer" if each.fault else "ready") for each in states]
        below = [(each.fault or each.url, *(f"concern: {name}" for name in each.concerns)) for each in states]
        rows = [Row(cells, lines) for cells, lines in zip(words, below, strict=True)]
        show_table(("agent", "region", "state"), rows)
    return 0 if enough else 1
