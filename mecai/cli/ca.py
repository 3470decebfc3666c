"""`mecai ca`: run a certificate authority."""

import json
from pathlib import Path

import click

from mecai.ca.authority.operations import REASONS, initialise, opened
from mecai.ca.authority.profiles import names_in
from mecai.ca.storage.records import serial_text
from mecai.cli.arguments import FILE, Content, now, with_format
from mecai.cli.ca_batch import batch
from mecai.cli.ca_requests import ON_REQUEST, CertificateRequest, accept, chain_pem, judge, read_config, with_config
from mecai.cli.show.ca import document, name_of, print_entries
from mecai.errors import InputError
from mecai.service import durable
from mecai.service.pem import load_certificates


@click.group()
def command() -> None:
    """Run a certificate authority: roots, issuing, revocation."""


command.add_command(batch)


@command.command()
@with_config
@click.option("--no-new-root", is_flag=True, help="Fail where there is no authority; complete one that is there.")
def init(config_path: Path, *, no_new_root: bool) -> None:
    """Make the root, the issuing CA and their public files; leave alone what is there.

    The last line is for the configuration: it pins the root, so that no other is ever made or used in its place.
    """
    config = read_config(config_path)
    made = initialise(config, now(), make_root=not no_new_root)
    click.echo(f"{'created' if made else 'unchanged'}: authority {config.name!r}, public files in {config.public}")
    with opened(config) as authority:
        click.echo(f'root = "{authority.root_hash.hex()}"')


@command.command()
@with_config
@click.option("--profile", type=click.Choice(ON_REQUEST), required=True, help="Kind of certificate.")
@click.option("--csr", type=Content(), required=True, help="Signing request (PEM), - for standard input.")
@click.option("--dns", "names", multiple=True, help="DNS name, instead of those of the request; may be given again.")
@click.option("--email", "addresses", multiple=True, help="Mail address (profile mail); may be given again.")
@click.option("--days", type=int, help="Lifetime, instead of the configured one.")
@click.option("--out", type=click.Path(path_type=Path, allow_dash=True), default=Path("-"), help="Where to write.")
def issue(
    *,
    config_path: Path,
    profile: str,
    csr: bytes,
    names: tuple[str, ...],
    addresses: tuple[str, ...],
    days: int | None,
    out: Path,
) -> None:
    """Certify the key of a signing request.

    Writes PEM: the certificate, then its intermediates, without the root. Whether the applicant may have the names is
    for the caller to know.
    """
    try:
        wanted = CertificateRequest(profile, csr.decode(errors="replace"), names, addresses, days)
    except ValueError as error:
        raise InputError(f"--{error}; expected PEM, and names as certificates have them") from error
    issue = accept(wanted)
    with opened(read_config(config_path)) as authority:
        chain = issue(authority)
    pem = chain_pem(chain)
    if str(out) == "-":
        click.echo(pem, nl=False)
    else:
        durable.keep(out, pem, durable.PUBLIC)
    certified = names_in(chain[0])
    named = f" for {', '.join(certified)}" if certified else ""
    serial, end = serial_text(chain[0].serial_number), chain[0].not_valid_after_utc
    click.echo(f"issued {profile} certificate {serial}{named}, valid until {end}", err=True)


@command.command()
@with_config
@click.option("--certificate", type=FILE, help="Certificate (PEM) to revoke.")
@click.option("--serial", help="Serial number (hexadecimal) to revoke.")
@click.option("--reason", type=click.Choice(list(REASONS)), default="unspecified", show_default=True, help="Why.")
def revoke(config_path: Path, certificate: Path | None, serial: str | None, reason: str) -> None:
    """Revoke a certificate, for good, and publish that."""
    number = _serial_number(certificate, serial)
    with opened(read_config(config_path)) as authority:
        entry, done = authority.revoke(number, REASONS[reason], now())
    text = f"{entry.profile} certificate {entry.serial} ({name_of(entry)})"
    if done:
        click.echo(f"revoked {text}: {reason}")
    elif entry.revocation:
        click.echo(f"unchanged: {text} was revoked at {entry.revocation.time}: {entry.revocation.reason.value}")


@command.command()
@with_config
@click.option("--certificate", type=Content(), required=True, help="Certificate (PEM), - for standard input.")
def check(config_path: Path, certificate: bytes) -> None:
    """Say whether a certificate is one of this authority's, in its time and not revoked; exit code 1 if not.

    Whoever keeps a certificate asks this before keeping it on; of several in the file, the first counts.
    """
    with opened(read_config(config_path)) as authority:
        click.echo(judge(authority, certificate, "--certificate"))


@command.command()
@with_config
def publish(config_path: Path) -> None:
    """Publish certificates, status and new CRLs again; run it regularly where CRLs are published."""
    config = read_config(config_path)
    with opened(config) as authority:
        authority.publish(now())
    click.echo(f"published: {config.public}")


@command.command(name="list")
@with_config
@with_format
def list_(config_path: Path, style: str) -> None:
    """List every certificate that was signed, with its status."""
    with opened(read_config(config_path)) as authority:
        entries = authority.entries()
    if style == "json":
        click.echo(json.dumps([document(entry, now()) for entry in entries], indent=2))
    else:
        print_entries(entries, now())


@command.command()
@with_config
def describe(config_path: Path) -> None:
    """Print this authority as one entry of a directory (JSON)."""
    with opened(read_config(config_path)) as authority:
        click.echo(json.dumps(authority.describe(now()), indent=2))


def _serial_number(path: Path | None, serial: str | None) -> int:
    if (path is None) == (serial is None):
        raise InputError("give either --certificate or --serial")
    if path is not None:
        return load_certificates(path)[0].serial_number
    try:
        return int(str(serial).replace(":", ""), 16)
    except ValueError as error:
        raise InputError(f"--serial: {serial!r} is not hexadecimal") from error
