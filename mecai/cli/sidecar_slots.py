"""`mecai sidecar stage`, `promote`, `failover`: a certificate goes live when it has its vouchers, not before."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import FILE, now
from mecai.cli.sidecar_settings import as_owner, with_config
from mecai.errors import HostError, MecaiError
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.kinds import kinds_of
from mecai.sidecar.report import report
from mecai.sidecar.slots import BACKUP, NEXT, Slot
from mecai.sidecar.standing import State

_SECONDS: Final = 60.0  # for a reload
_slot = click.argument("slot", type=FILE)
_reload = click.option("--reload", "command", default="", help="What lets the TLS server read its files anew.")
_quorum = click.option("--quorum", type=click.IntRange(1), default=2, show_default=True, help="Vouchers that it needs.")


@click.command()
@_slot
@click.option("--chain", type=FILE, required=True, help="The certificate, then its intermediates (PEM).")
@click.option("--key", type=FILE, required=True, help="Its private key (PEM, 0600).")
@click.option("--backup", is_flag=True, help="For the day on which its CA is needed, not as the next one.")
@_reload
def stage(slot: Path, chain: Path, key: Path, backup: bool, command: str) -> None:
    """Lay a new certificate in SLOT, to be shown at a port of its own until it has its vouchers.

    The key that is live says that it follows (docs/spec H6), so that no hold is waited out. For an ACME client's deploy
    hook. The first certificate of a SLOT is live at once.
    """
    link = Slot(slot).stage(chain, key, BACKUP if backup else NEXT, now())
    _run(command)
    click.echo(f"{link}: {chain}")


@click.command()
@_slot
@with_config
@_quorum
@_reload
@click.pass_context
def promote(context: click.Context, slot: Path, config_path: Path, quorum: int, command: str) -> None:
    """Let the next certificate of SLOT be live, if it has its vouchers; exit code 1 if it has too few.

    Exit code 0, and nothing is done, where there is no next one: for a timer.
    """
    if not os.path.lexists(slot / NEXT):
        return
    _switch(context, Slot(slot), NEXT, read_config(config_path), quorum, command)


@click.command()
@_slot
@with_config
@_quorum
@_reload
@click.pass_context
def failover(context: click.Context, slot: Path, config_path: Path, quorum: int, command: str) -> None:
    """Exchange the live certificate of SLOT and its backup, if that has its vouchers; exit code 1 if it has too few."""
    _switch(context, Slot(slot), BACKUP, read_config(config_path), quorum, command)


def _switch(  # noqa: PLR0917 - what both verbs are given
    context: click.Context, slot: Slot, link: str, config: SidecarConfig, quorum: int, command: str
) -> None:
    if lacking := _lacking(config, slot.chain(link), quorum):
        click.echo(f"{slot.folder / link}: stays where it is: {lacking}", err=True)
        context.exit(1)
    live = slot.live()
    slot.switch(link)
    try:
        _run(command)
    except MecaiError:
        slot.restore(link, live)
        raise
    click.echo(f"{slot.folder}: {link} is live")


def _lacking(config: SidecarConfig, chain: Path, quorum: int) -> str:
    """Say what keeps a certificate from going live; nothing if it may."""
    with as_owner(config):
        rows = report(config, kinds_of(config), now(), chain=chain)
    if bad := next((row for row in rows if row.kind != "voucher" and not row.state.served), None):
        return f"{bad.name or bad.certificate}: {bad.state.word} {bad.detail}".rstrip()
    served = sum(row.kind == "voucher" and row.state is State.GOOD for row in rows)
    return "" if served >= quorum else f"{served} vouchers, {quorum} needed; is {chain} an entry of the settings?"


def _run(command: str) -> None:
    """Run what reloads the server; raises `HostError`."""
    if not command:
        return
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise HostError(f"{command}: cannot be run ({error})") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it says nothing"]
        raise HostError(f"{command}: ended with {done.returncode}: {last[0]}")
