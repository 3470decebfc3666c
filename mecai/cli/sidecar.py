"""`mecai sidecar`: keep vouchers and OCSP staples beside a TLS server."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from mecai.cli.arguments import FILE, now, with_format
from mecai.cli.show.sidecar import document, print_rows
from mecai.cli.sidecar_delivery import pull, push, receive, send
from mecai.cli.sidecar_discover import discover
from mecai.cli.sidecar_export import export
from mecai.cli.sidecar_settings import become_owner, environment, with_config
from mecai.cli.sidecar_slots import failover, promote, stage
from mecai.errors import InputError, Malformed
from mecai.protocol.objects.succession import Succession
from mecai.protocol.pki.identity import hash_of
from mecai.service import durable
from mecai.service.logs import log_json
from mecai.service.pem import load_certificates, load_key
from mecai.sidecar import daemon
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.kinds import kinds_of
from mecai.sidecar.refresh import Refresher
from mecai.sidecar.report import report
from mecai.sidecar.signals import Signals
from mecai.sidecar.standing import StapleStatus

_environment = environment


@click.group()
def command() -> None:
    """Fetch vouchers and OCSP staples for a TLS server."""


for verb in (discover, export, send, receive, push, pull, stage, promote, failover):
    command.add_command(verb)


@command.command()
@with_config
def run(config_path: Path) -> None:
    """Keep everything fresh, for ever; SIGHUP: read the configuration anew and fetch everything now."""
    log_json()
    daemon.run(config_path, _environment(), Signals())


@command.command()
@with_config
@with_format
@click.pass_context
def refresh(context: click.Context, config_path: Path, style: str) -> None:
    """Fetch everything now, and show what came of it; exit code 1 if something is missing."""
    config = _config_as_owner(config_path)
    refresher = Refresher(config, _environment())
    refresher.run(everything=True)
    _show(context, refresher.report(now()), style)


@command.command()
@with_config
@with_format
@click.pass_context
def status(context: click.Context, config_path: Path, style: str) -> None:
    """Show each voucher and staple, its age and its end; exit code 1 if one is missing, expired or bad."""
    config = _config_as_owner(config_path)
    _show(context, report(config, kinds_of(config), now()), style)


@command.command()
@click.option("--old", type=FILE, required=True, help="Certificate (PEM) that the server showed until now.")
@click.option("--key", type=FILE, required=True, help="Its private key.")
@click.option("--new", type=FILE, required=True, help="Certificate (PEM) that follows it.")
@click.option("--out", type=FILE, required=True, help="Where to write: `succession` of the certificate's entry.")
def succession(old: Path, key: Path, new: Path, out: Path) -> None:
    """Say with the old key that another certificate follows (docs/spec H6), so that it need not be held.

    For renewals that change the key, as ACME clients make them: before the new chain is put in place, and at most 24
    hours before Voucher Authorities hear of it.
    """
    was, becomes = load_certificates(old)[0], load_certificates(new)[0]
    private = load_key(key)
    if private.public_key() != was.public_key():
        raise InputError(f"{key}: is not the key of the certificate in {old}")
    try:
        statement = Succession(hash_of(was), hash_of(becomes), now())
    except Malformed as error:
        raise InputError(f"{new}: is the same certificate as in {old}; expected the one that follows it") from error
    durable.keep(out, statement.sign(private, was), durable.PUBLIC)
    click.echo(f"{out}: {becomes.serial_number:x} follows {was.serial_number:x}; good for 24 hours")


def _config_as_owner(path: Path) -> SidecarConfig:
    """Read the configuration, as root does who then becomes the sidecar's user."""
    return become_owner(read_config(path))


def _show(context: click.Context, rows: Sequence[StapleStatus], style: str) -> None:
    healthy = all(row.state.served for row in rows)
    moment = now()
    if style == "json":
        items = [document(row, moment) for row in rows]
        click.echo(json.dumps({"healthy": healthy, "items": items}, indent=2))
    else:
        print_rows(rows, moment)
    context.exit(0 if healthy else 1)
