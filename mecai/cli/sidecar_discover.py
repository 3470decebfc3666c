"""`mecai sidecar discover`: entries for `sidecar.toml` out of nginx's configuration."""

import subprocess
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import FILE
from mecai.errors import HostError, InputError
from mecai.protocol.pki.identity import address_octets
from mecai.service import durable
from mecai.service.regular import read_regular
from mecai.sidecar import nginx
from mecai.sidecar.discover import discover as found_in

_SECONDS: Final = 60.0


@click.command()
@click.option("--nginx", "program", type=FILE, default=Path("/usr/sbin/nginx"), show_default=True, help="The program.")
@click.option("--printed", type=FILE, help="What `nginx -T` printed before; without it, nginx is asked (as root).")
@click.option("--address", "addresses", multiple=True, help="An address of a server that listens at every one; repeat.")
@click.option("--out", type=FILE, help="Where to write the entries, instead of printing them.")
def discover(program: Path, printed: Path | None, addresses: tuple[str, ...], out: Path | None) -> None:
    """Find the certificates that nginx shows, and where; show them as entries for sidecar.toml.

    What cannot become an entry is told as a comment.
    """
    for address in addresses:
        address_octets(address)
    text = _text(read_regular(printed, nginx.LARGEST)) if printed else _print(program)
    entries = found_in(nginx.parse(text), addresses).text()
    if out is None:
        click.echo(entries, nl=False)
    else:
        durable.keep(out, entries.encode(), durable.PUBLIC)


def _print(program: Path) -> str:
    """Ask nginx; raises `HostError`."""
    try:
        done = subprocess.run([program, "-T"], capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(f"{program}: cannot be run ({error})") from error
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        why = [line for line in lines if "[emerg]" in line]  # the last line says that it failed
        raise HostError(f"{program} -T: {(why or lines)[-1]}")
    return _text(done.stdout)


def _text(octets: bytes) -> str:
    if len(octets) > nginx.LARGEST:
        raise InputError(f"nginx -T: printed more than {nginx.LARGEST} octets")
    return octets.decode(errors="surrogateescape")
