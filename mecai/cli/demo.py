"""`mecai demo`: the whole of it on this machine in a few seconds, as any user; nothing is left but what was printed."""

import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import Final

import click

from mecai.cli.demonstration.household import Household
from mecai.cli.demonstration.scene import ADDRESS, NOTARIES, PORT, Scene, make_scene
from mecai.cli.demonstration.servers import attacker, start
from mecai.cli.demonstration.story import play
from mecai.server import StaplingContext

_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK: Final = 1.0  # seconds between two looks whether everything still runs


@click.command()
@click.option("--keep", is_flag=True, help="Go on until Ctrl-C, and say what to try.")
def command(*, keep: bool) -> int:
    """Show accepted, attacked, refused: three authorities, a site that staples, an attacker, on loopback.

    Everything is made anew in a temporary folder, which is removed at the end, and listens on 127.0.0.1 at free ports.
    Exit code 0 if all came out as it should, else 1.
    """
    began = click.get_current_context().obj or time.monotonic()
    with _ends_well(), tempfile.TemporaryDirectory(prefix="mecai-demo-", ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        StaplingContext(home)  # says in one line where this Python is of no use, before anything is made
        scene = make_scene(home)
        click.echo(_made(scene))
        with Household(home) as household, attacker(scene):
            start(household, scene)
            click.echo(f"ready after {time.monotonic() - began:.1f} s\n")
            good = play(scene)
            click.echo(f"{time.monotonic() - began:.1f} s in all")
            if keep:
                click.echo(_to_try(scene))
                _go_on(household)
    return 0 if good else 1


@contextmanager
def _ends_well() -> Iterator[None]:
    """Take SIGTERM and SIGHUP as Ctrl-C, and end by the first: a second would leave keys behind. nohup(1) is heeded."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    heeded = [number for number in _ENDS if signal.getsignal(number) != signal.SIG_IGN]
    former = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _go_on(household: Household) -> None:
    """Stay until Ctrl-C; raises `HostError` if a program ends before."""
    try:
        while not threading.Event().wait(LOOK):
            household.require_all()
    except KeyboardInterrupt:
        click.echo("ended")


def _made(scene: Scene) -> str:
    return f"""\
{scene.home}: made, with throwaway keys
  alder certifies the site, {scene.url("site")}; {" and ".join(NOTARIES)} vouch. A directory lists all three.
  Vouchers are for ports below 1024 alone, which a user may not open. So the authorities of this demonstration find
  port {PORT} of {ADDRESS} at port {scene.ports["site"]}, and nothing else anywhere. No setting of a real one does that.
"""


def _to_try(scene: Scene) -> str:
    site, false = scene.url("site"), scene.url("attacker")
    home, client, staples = (quote(str(path)) for path in (scene.home, scene.client, scene.staples))
    voucher = quote(str(min(scene.staples.glob("*/*.voucher"))))
    return f"""
It goes on until Ctrl-C. To try, in another terminal:
  mecai client get --config {client} {site}
  mecai client get --config {client} {false}
  mecai client get --config {client} --mode warn {false}
  curl --cacert {home}/roots.pem {false}
  openssl s_client -connect {ADDRESS}:{scene.ports["site"]} -status </dev/null
  mecai sidecar status --config {home}/sidecar.toml
  mecai voucher view {voucher}
  mecai directory view {home}/directory.der
  mecai vas log --config {home}/birch/vas.toml
  mecai ca list --config {home}/alder/ca.toml
Take the vouchers away, and the real site is refused a second later:
  mv {staples} {staples}.away
  mecai client get --config {client} {site}
Logs: {home}/*.log
"""
