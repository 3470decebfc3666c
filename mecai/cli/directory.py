"""`mecai directory`: build, view and verify the signed directory of Voucher Authorities (docs/spec, "Directory")."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from mecai.cli.arguments import FILE, Moment, input_from, now, read, with_format
from mecai.cli.show.directory import show, summary
from mecai.errors import InputError
from mecai.protocol.codec.strict_json import load
from mecai.protocol.objects.authorities import Authority, Directory, Distrust
from mecai.protocol.objects.directory import parse_directory, sign_directory, signer_of
from mecai.protocol.objects.entries import decode_authority, decode_distrust
from mecai.protocol.pki.keys import check_public_key
from mecai.protocol.pki.roots import check_root
from mecai.service import durable
from mecai.service.pem import load_certificates, load_key


@click.group()
def command() -> None:
    """Build, view and verify the signed directory of Voucher Authorities."""


@command.command()
@click.option("--context", required=True, help="Trust context, for example MOZ.")
@click.option("--sequence", type=int, help="Number, instead of the time of issue in seconds (D3).")
@click.option("--days", type=click.IntRange(1, 30), default=30, show_default=True, help="Lifetime.")
@click.option(
    "--entry", "entries", type=FILE, multiple=True, required=True, help="JSON of `mecai ca describe`; once per CA."
)
@click.option("--distrust", type=FILE, help="JSON list of distrust entries: spki, time, reason.")
@click.option("--next-publishers", type=FILE, help="PEM of the one or two pins that follow, when keys rotate.")
@click.option("--key", "key_path", type=FILE, required=True, help="The publisher's private key (PEM, 0600).")
@click.option("--certificate", type=FILE, required=True, help="The publisher's certificate (PEM), as pinned.")
@click.option("--at", type=Moment(), help="Time of issue, instead of now.")
@click.option("--out", type=FILE, required=True, help="File to write (DER).")
def build(
    *,
    context: str,
    sequence: int | None,
    days: int,
    entries: tuple[Path, ...],
    distrust: Path | None,
    next_publishers: Path | None,
    key_path: Path,
    certificate: Path,
    at: datetime | None,
    out: Path,
) -> None:
    """Sign a directory of the given entries."""
    issued = at or now()
    publisher, key = load_certificates(certificate)[0], load_key(key_path)
    if key.public_key() != publisher.public_key():
        raise InputError(f"{key_path}: is not the key of {certificate}; give the publisher's own key")
    with input_from(out):
        directory = Directory(
            context=context,
            sequence=int(issued.timestamp()) if sequence is None else sequence,
            issued=issued,
            expires=issued + timedelta(days=days),
            authorities=tuple(_read_entry(path, issued) for path in entries),
            distrust=_read_distrust(distrust) if distrust else (),
            publishers=load_certificates(next_publishers) if next_publishers else (),
        )
        encoded = sign_directory(directory, key, publisher)
        parse_directory(encoded, [publisher], issued)
    durable.keep(out, encoded, durable.PUBLIC)
    click.echo(f"{out}: {summary(directory)}")


@command.command()
@click.argument("file", type=FILE)
@with_format
def view(file: Path, style: str) -> None:
    """Show what a directory says; believes nothing, checks no signer."""
    encoded = read(file)
    with input_from(file):
        signer = signer_of(encoded)
        directory = parse_directory(encoded, [signer], None)
    show(directory, style)
    click.echo(f"not verified; signed by {signer.subject.rfc4514_string()}", err=True)


@command.command()
@click.argument("file", type=FILE)
@click.option("--publishers", type=FILE, required=True, help="Pinned publisher certificates (PEM).")
@click.option("--at", type=Moment(), help="Judge at this time, instead of now.")
@with_format
def verify(file: Path, publishers: Path, at: datetime | None, style: str) -> None:
    """Verify signer, signature, form and time (rules D1, D2, D4)."""
    directory = parse_directory(read(file), load_certificates(publishers), at or now())
    if style == "json":
        show(directory, style)
    else:
        click.echo(f"{file}: good; {summary(directory)}")


def _read_entry(path: Path, moment: datetime) -> Authority:
    """Read an entry whose roots are of use; a directory that is already signed may hold others."""
    with input_from(path):
        authority = decode_authority(load(read(path), "entry"))
    of_servers = [(f"root of {server.url}", server.roots) for server in authority.servers]
    for what, roots in [("root", authority.roots), *of_servers]:
        for root in roots:
            with input_from(f"{path}: {what} {root.subject.rfc4514_string()!r}"):
                check_root(root, moment)
    with input_from(f"{path}: root that the id names"):
        for root in authority.identifying_roots:
            check_public_key(root.public_key())
    return authority


def _read_distrust(path: Path) -> tuple[Distrust, ...]:
    with input_from(path):
        entries = load(read(path), "distrust")
        if not isinstance(entries, list):
            raise InputError(f"{path}: expected a JSON list of distrust entries")
        return tuple(map(decode_distrust, entries))
