"""`mecai vas reports`, `incident`, `report-key`: what clients and other VAs reported, and what this VA tells them."""

import base64
import json
from pathlib import Path

import click

from mecai.cli.arguments import now, with_format
from mecai.cli.hashes import HASH, named
from mecai.cli.show.vas_reports import incident_document, print_incidents, print_reports, report_document
from mecai.cli.vas_config import opened, with_config
from mecai.errors import InputError, Malformed
from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.pki.certificates import is_ca
from mecai.protocol.pki.identity import hash_of, spki_hash
from mecai.vas.config import VasConfig, read_config
from mecai.vas.reports.authorship import ReportSigner, load_report_signer
from mecai.vas.storage.incidents import IncidentLog
from mecai.vas.storage.reports import ReportLog


@click.command()
@with_config
@with_format
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, the newest.")
def reports(config_path: Path, style: str, limit: int) -> None:
    """Show what clients reported, here or to another VA, with their own words and addresses (docs/spec F1)."""
    with opened(config_path) as (_, engine):
        found = ReportLog(engine).listed(limit, now())
    if style == "json":
        click.echo(json.dumps([report_document(each) for each in found], indent=2))
    else:
        print_reports(found)


@click.command(name="report-key")
@with_config
def report_key(config_path: Path) -> None:
    """Print the public half of the report key, for `report_key` in the CA's `ca.toml` (docs/spec D5)."""
    click.echo(base64.b64encode(_signer(read_config(config_path)).public_key).decode())


@click.group()
def incident() -> None:
    """Tell other VAs of a CA or a certificate that nobody should vouch for, and see what they tell (docs/spec F6)."""


@incident.command()
@with_config
@click.option("--ca", help="The CA: file of its certificate (PEM), or SHA-256 over its SubjectPublicKeyInfo.")
@click.option("--certificate", help="The certificate: file (PEM), or its SHA-256.")
@click.option("--reason", required=True, help="Why; every operator will be shown this.")
def send(config_path: Path, ca: str | None, certificate: str | None, reason: str) -> None:
    """Sign an incident notice and have `mecai vas work` send it to every other VA.

    Here as there it changes nothing by itself: `mecai vas distrust adopt` does.
    """
    kind, subject = _subject(ca, certificate)
    with opened(config_path) as (config, engine):
        signer = _signer(config)
        try:
            said = Incident(signer.authority, kind, subject, now(), reason)
        except Malformed as error:
            raise InputError(f"--{error.detail}") from error
        name = IncidentLog(engine).keep(said, signer.notice(said), now(), own=True)
    click.echo(f"notice {name.hex()}: {kind} {subject.hex()}")


@incident.command(name="list")
@with_config
@with_format
def list_(config_path: Path, style: str) -> None:
    """List the notices of all VAs, the newest first."""
    with opened(config_path) as (_, engine):
        found = IncidentLog(engine).listed()
    if style == "json":
        click.echo(json.dumps([incident_document(each) for each in found], indent=2))
    else:
        print_incidents(found)


@incident.command()
@with_config
@click.argument("notice", type=HASH)
def show(config_path: Path, notice: bytes) -> None:
    """Show one notice as JSON, signed octets included; NOTICE is its SHA-256."""
    with opened(config_path) as (_, engine):
        found = IncidentLog(engine).find(notice)
    if found is None:
        raise InputError(f"{notice.hex()}: there is no such notice; see `mecai vas incident list`")
    click.echo(json.dumps(incident_document(found) | {"der": base64.b64encode(found.der).decode()}, indent=2))


def _signer(config: VasConfig) -> ReportSigner:
    if (signer := load_report_signer(config)) is None:
        raise InputError("the server's configuration names no report_key: without it no other VA can be told")
    return signer


def _subject(ca: str | None, certificate: str | None) -> tuple[Kind, bytes]:
    if (ca is None) == (certificate is None):
        raise InputError("give either --ca or --certificate")
    found = named(str(ca or certificate))
    if certificate is not None:
        return Kind.CERTIFICATE, found if isinstance(found, bytes) else hash_of(found)
    if isinstance(found, bytes):
        return Kind.CA, found
    if not is_ca(found):
        raise InputError(f"{ca}: is no certificate of a CA; see --certificate")
    return Kind.CA, spki_hash(found)
