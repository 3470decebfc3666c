"""`mecai sidecar stage`, `promote`, `failover`: a certificate goes live when it has its vouchers, not before."""

import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import FILE, now
from mecai.cli.sidecar_settings import as_owner, with_config
from mecai.errors import HostError, MecaiError
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.hooks import owed
from mecai.sidecar.kinds import kinds_of
from mecai.sidecar.report import report
from mecai.sidecar.settled import unread
from mecai.sidecar.slots import BACKUP, NEXT, Slot, Turn, read_pair
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
@click.option("--once", is_flag=True, help="Do nothing where SLOT has it: for a timer.")
@_reload
def stage(slot: Path, chain: Path, key: Path, backup: bool, once: bool, command: str) -> None:  # noqa: PLR0917
    """Lay a new certificate in SLOT, to be shown at a port of its own until it has its vouchers.

    The key that is live says that it follows (docs/spec H6), so that no hold is waited out. For an ACME client's deploy
    hook. The first certificate of a SLOT is live at once.
    """
    pair, place = read_pair(chain, key), Slot(slot)
    place.make()
    with place.held():
        if once and place.leads_to(pair.version):
            return
        turn = place.lay(pair, BACKUP if backup else NEXT, now())
        with _owed(place, command):
            place.go(turn)
            _run(command)
        place.tidy()
    click.echo(f"{slot / turn.link(pair.version)}: {chain}")


@dataclass(frozen=True)
class _Wish:
    """What is said to a verb that lets another certificate be live."""

    context: click.Context
    slot: Slot
    config: Path
    quorum: int
    command: str


def _switching(verb: Callable[[_Wish], None]) -> click.Command:
    """Make a command with the arguments of such a verb."""

    @click.command(verb.__name__, help=verb.__doc__)
    @_slot
    @with_config
    @_quorum
    @_reload
    @click.pass_context
    def switch(context: click.Context, slot: Path, config_path: Path, quorum: int, command: str) -> None:
        verb(_Wish(context, Slot(slot), config_path, quorum, command))

    return switch


@_switching
def promote(wish: _Wish) -> None:
    """Let the next certificate of SLOT be live, if it has its vouchers; exit code 1 if it has too few.

    Before a reload it waits until they have lain for five seconds: the server reads them by a timer.

    Exit code 0 where there is no next one: for a timer. A reload that failed before is tried again.
    """
    if not wish.slot.folder.is_dir():
        return
    with wish.slot.held():
        before = wish.slot.turn()
        if before is None or before.next is None:
            _pay(wish.slot, wish.command)
        else:
            _switch(wish, NEXT, before, before.promoted())


@_switching
def failover(wish: _Wish) -> None:
    """Exchange the live certificate of SLOT and its backup, if that has its vouchers; exit code 1 if it has too few."""
    with wish.slot.held():
        before = wish.slot.turn()
        if before is None or before.backup is None:
            raise HostError(f"{wish.slot.folder / BACKUP}: there is none; lay it: mecai sidecar stage --backup")
        _switch(wish, BACKUP, before, before.failed_over())


def _switch(wish: _Wish, link: str, before: Turn, after: Turn) -> None:
    """Go from one turn to the other, if what is at `link` may be live."""
    slot, command = wish.slot, wish.command
    config, chain = read_config(wish.config), slot.chain(link)
    if lacking := _lacking(config, chain, wish.quorum):
        click.echo(f"{slot.folder / link}: stays where it is: {lacking}", err=True)
        _pay(slot, command)
        wish.context.exit(1)
    if command:
        _let_be_read(config, chain)
    _turn(slot, command, before, after)
    slot.tidy()
    click.echo(f"{slot.folder}: {link} is live")


def _turn(slot: Slot, command: str, before: Turn, after: Turn) -> None:
    """Go from one turn to the other, and back where the server does not follow."""
    with _owed(slot, command):
        slot.go(after)
        try:
            _run(command)
        except MecaiError:
            slot.go(before)
            raise


@contextmanager
def _owed(slot: Slot, command: str) -> Iterator[None]:
    """Owe the server a reload until the block has ended without an error; nothing is known of one without a command."""
    if not command:
        yield
        return
    with owed(slot.owed):
        yield


def _pay(slot: Slot, command: str) -> None:
    """Reload the server where a former run could not, or was killed; raises `HostError`."""
    if command and slot.owed.exists():
        with owed(slot.owed):
            _run(command)


def _lacking(config: SidecarConfig, chain: Path, quorum: int) -> str:
    """Say what keeps a certificate from going live; nothing if it may."""
    with as_owner(config):
        rows = report(config, kinds_of(config), now(), chain=chain)
    if bad := next((row for row in rows if row.kind != "voucher" and not row.state.served), None):
        return f"{bad.name or bad.certificate}: {bad.state.word} {bad.detail}".rstrip()
    served = sum(row.kind == "voucher" and row.state is State.GOOD for row in rows)
    return "" if served >= quorum else f"{served} vouchers, {quorum} needed; is {chain} an entry of the settings?"


def _let_be_read(config: SidecarConfig, chain: Path) -> None:
    """Give the server the time to read vouchers that came just now: its first visitor would get none."""
    with as_owner(config):
        seconds = unread(config.staples, chain, time.time())
    time.sleep(seconds)  # five at most: servers read by a timer, and say to nobody that they have


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
