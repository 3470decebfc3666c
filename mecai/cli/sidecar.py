"""`mecai sidecar`: keep vouchers and OCSP staples beside a TLS server."""

import json
import os
import pwd
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mecai.cli.arguments import now
from mecai.service.logs import log_json
from mecai.service.printable import printable
from mecai.sidecar import daemon
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.kinds import kinds_of
from mecai.sidecar.refresh import Environment, Refresher
from mecai.sidecar.report import Row, State, report

_COLOURS = {State.GOOD: "green", State.PARTIAL: "yellow"}

_with_config = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/mecai/sidecar.toml"),
    show_default=True,
    help="The sidecar's configuration.",
)
_with_format = click.option("--format", "style", type=click.Choice(["human", "json"]), default="human")


@click.group()
def command() -> None:
    """Fetch vouchers and OCSP staples for a TLS server."""


@command.command()
@_with_config
def run(path: Path) -> None:
    """Keep everything fresh, for ever; SIGHUP: read the configuration anew and fetch everything now."""
    log_json()
    daemon.run(path, _environment(), daemon.hangup_waiter())


@command.command()
@_with_config
@_with_format
@click.pass_context
def refresh(context: click.Context, path: Path, style: str) -> None:
    """Fetch everything now, and show what came of it; exit code 1 if something is missing."""
    config = _config_as_owner(path)
    Refresher(config, _environment()).run(everything=True)
    _show(context, report(config, kinds_of(config), now()), style)


@command.command()
@_with_config
@_with_format
@click.pass_context
def status(context: click.Context, path: Path, style: str) -> None:
    """Show each voucher and staple, its age and its end; exit code 1 if one is missing, expired or bad."""
    config = _config_as_owner(path)
    _show(context, report(config, kinds_of(config), now()), style)


def _environment() -> Environment:
    return Environment(clock=now, rng=random.SystemRandom(), kinds=kinds_of)


def _config_as_owner(path: Path) -> SidecarConfig:
    """Read the configuration; root then becomes the sidecar's user, so that no file comes to belong to root."""
    config = read_config(path)
    if os.geteuid() == 0 and config.state.is_dir() and (owner := config.state.stat()).st_uid != 0:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    return config


def _show(context: click.Context, rows: Sequence[Row], style: str) -> None:
    healthy = all(row.state.served for row in rows)
    moment = now()
    if style == "json":
        items = [_facts(row, moment) for row in rows]
        click.echo(json.dumps({"healthy": healthy, "items": items}, indent=2))
    else:
        console = Console()
        console.print(_table(rows, moment))
        for row in rows:
            if row.detail:
                line = f"{row.certificate}, {row.name}: {row.state.word}: {row.detail}"
                console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    context.exit(0 if healthy else 1)


def _facts(row: Row, moment: datetime) -> dict[str, object]:
    return {
        "certificate": row.certificate,
        "kind": row.kind,
        "name": row.name,
        "state": row.state.word,
        "thisUpdate": row.this_update.isoformat() if row.this_update else None,
        "nextUpdate": row.next_update.isoformat() if row.next_update else None,
        "age": int((moment - row.this_update).total_seconds()) if row.this_update else None,
        "left": int((row.next_update - moment).total_seconds()) if row.next_update else None,
        "due": row.due.isoformat() if row.due else None,
        "detail": row.detail,
    }


def _table(rows: Sequence[Row], moment: datetime) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("certificate", "from", "state", "age", "left", "next"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row.state, "red")
        age = moment - row.this_update if row.this_update else None
        left = row.next_update - moment if row.next_update else None
        due = row.due - moment if row.due else None
        state = f"[{colour}]{row.state.word}[/]"
        names = (escape(printable(text)) for text in (row.certificate, row.name))
        table.add_row(*names, state, *map(_span, (age, left, due)))
    return table


def _cell(text: str) -> str:
    """Return what a stranger may have named as a cell of a table: nothing in it is markup or obeyed by a terminal."""
    return escape(printable(text))


def _span(length: timedelta | None) -> str:
    """Say a length of time in hours and minutes."""
    if length is None:
        return ""
    minutes = int(length.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60:02} min"
