"""`mecai sidecar`: keep vouchers and OCSP staples beside a TLS server."""

import json
import os
import pwd
import random
from collections.abc import Sequence
from pathlib import Path

import click

from mecai.cli.arguments import config_option, now, with_format
from mecai.cli.show.sidecar import document, print_rows
from mecai.service.logs import log_json
from mecai.sidecar import daemon
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.kinds import kinds_of
from mecai.sidecar.refresh import Environment, Refresher
from mecai.sidecar.report import StapleStatus, report

_with_config = config_option("/etc/mecai/sidecar.toml", "The sidecar's configuration.")


@click.group()
def command() -> None:
    """Fetch vouchers and OCSP staples for a TLS server."""


@command.command()
@_with_config
def run(config_path: Path) -> None:
    """Keep everything fresh, for ever; SIGHUP: read the configuration anew and fetch everything now."""
    log_json()
    daemon.run(config_path, _environment(), daemon.hangup_waiter())


@command.command()
@_with_config
@with_format
@click.pass_context
def refresh(context: click.Context, config_path: Path, style: str) -> None:
    """Fetch everything now, and show what came of it; exit code 1 if something is missing."""
    config = _config_as_owner(config_path)
    Refresher(config, _environment()).run(everything=True)
    _show(context, report(config, kinds_of(config), now()), style)


@command.command()
@_with_config
@with_format
@click.pass_context
def status(context: click.Context, config_path: Path, style: str) -> None:
    """Show each voucher and staple, its age and its end; exit code 1 if one is missing, expired or bad."""
    config = _config_as_owner(config_path)
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


def _show(context: click.Context, rows: Sequence[StapleStatus], style: str) -> None:
    healthy = all(row.state.served for row in rows)
    moment = now()
    if style == "json":
        items = [document(row, moment) for row in rows]
        click.echo(json.dumps({"healthy": healthy, "items": items}, indent=2))
    else:
        print_rows(rows, moment)
    context.exit(0 if healthy else 1)
