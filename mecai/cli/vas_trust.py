"""`mecai vas context` and `mecai vas distrust`: whom the server trusts, by its publishers and by its operator."""

import json
from pathlib import Path

import click

from mecai.cli.arguments import now, with_format
from mecai.cli.hashes import HASH, named
from mecai.cli.show.vas_trust import context_document, print_contexts, print_refused, refused_documents
from mecai.cli.vas_config import opened, with_config
from mecai.errors import InputError, MecaiError
from mecai.protocol.objects.incident import Kind
from mecai.protocol.pki.certificates import is_ca
from mecai.protocol.pki.identity import spki_hash
from mecai.service.printable import printable
from mecai.vas.config import ContextSource, VasConfig
from mecai.vas.storage.directories import DirectoryLog
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from mecai.vas.storage.incidents import IncidentLog
from mecai.vas.trust.refresh import refresh as refresh_context
from mecai.vas.trust.standing import standing


@click.group()
def context() -> None:
    """Fetch the directories of trust contexts from their publishers (docs/spec X2)."""


@context.command()
@with_config
@click.argument("name", required=False)
def refresh(config_path: Path, name: str | None) -> int:
    """Fetch the directory of the context NAME, or of each that has a url; it is in force with the next voucher.

    What cannot be fetched or accepted changes nothing, and the exit code tells: 1 refused, 3 out of reach.
    """
    with opened(config_path) as (config, engine):
        log = DirectoryLog(engine)
        codes = [_refresh(source, log) for source in _chosen(config, name)]
    return max(codes, default=0)


def _chosen(config: VasConfig, name: str | None) -> list[ContextSource]:
    fetched = [source for source in config.directories if source.url and name in {None, source.context}]
    if name and not fetched:
        raise InputError(f"{name}: is no context with a url in the server's configuration")
    return fetched


def _refresh(source: ContextSource, log: DirectoryLog) -> int:
    """Fetch one directory, say what came of it, return the exit code: one failure stops no other context."""
    try:
        found = refresh_context(source, log, now)
    except MecaiError as error:
        click.echo(printable(f"{source.context}: {error}"), err=True)
        return error.exit_code
    what = "fetched" if found.changed else "unchanged"
    click.echo(
        f"{source.context}: {what}; sequence {found.directory.sequence}, until {found.directory.expires:%F %H:%M} UTC"
    )
    return 0


@context.command(name="list")
@with_config
@with_format
def list_contexts(config_path: Path, style: str) -> None:
    """List the contexts: the directory in force, when it was fetched, what went wrong since."""
    with opened(config_path) as (config, engine):
        log, moment = DirectoryLog(engine), now()
        contexts = [standing(source, log, moment) for source in config.directories]
    if style == "json":
        click.echo(json.dumps([context_document(each) for each in contexts], indent=2))
    else:
        print_contexts(contexts, moment)


@click.group()
def distrust() -> None:
    """Refuse vouchers to what is below a CA, or to a certificate, whatever the contexts say (docs/spec X4)."""


@distrust.command()
@with_config
@click.argument("ca")
@click.option("--by", required=True, help="Who says so.")
@click.option("--reason", required=True, help="Why.")
def add(config_path: Path, ca: str, by: str, reason: str) -> None:
    """Refuse a CA: the file of its certificate (PEM), or SHA-256 over its SubjectPublicKeyInfo.

    It holds on every node that shares the database, from the next voucher on.
    """
    spki, subject = _key_of(ca)
    with opened(config_path) as (_, engine):
        DistrustLog(engine).add(RefusedKey(spki, subject, now(), by, reason))
    click.echo(printable(f"distrusted: {spki.hex()}" + (f" ({subject})" if subject else "")))


@distrust.command()
@with_config
@click.argument("notice", type=HASH)
def adopt(config_path: Path, notice: bytes) -> None:
    """Refuse what an incident notice names, for its reason; NOTICE is as `mecai vas incident list` has it."""
    with opened(config_path) as (_, engine):
        if (found := IncidentLog(engine).find(notice)) is None:
            raise InputError(f"{notice.hex()}: there is no such notice; see `mecai vas incident list`")
        incident = found.incident
        kind = incident.kind if incident.kind is Kind.CERTIFICATE else None
        by = f"the VA {incident.authority.hex()}, notice {notice.hex()}"
        DistrustLog(engine).add(RefusedKey(incident.subject, None, now(), by, incident.reason, kind))
    click.echo(printable(f"distrusted: {incident.kind} {incident.subject.hex()}, as {by} says: {incident.reason}"))


@distrust.command(name="list")
@with_config
@with_format
def list_refused(config_path: Path, style: str) -> None:
    """List the refused CAs and certificates, those of the configuration too, the newest first."""
    with opened(config_path) as (config, engine):
        refused, configured = DistrustLog(engine).listed(), config.distrusted_keys
    if style == "json":
        click.echo(json.dumps(refused_documents(refused, configured, config_path), indent=2))
    else:
        print_refused(refused, configured, config_path)


@distrust.command()
@with_config
@click.argument("ca")
def remove(config_path: Path, ca: str) -> None:
    """Refuse a CA no longer, named as for `add`; or a certificate, named by its SHA-256."""
    spki, _ = _key_of(ca)
    with opened(config_path) as (config, engine):
        if spki in config.distrusted_keys:
            raise InputError(f"{config_path}: `distrusted` names it; take it out there and restart the server")
        DistrustLog(engine).remove(spki)
    click.echo(f"no longer distrusted: {spki.hex()}")


def _key_of(ca: str) -> tuple[bytes, str | None]:
    """Return the hash of a CA's key, and its subject where a certificate was given."""
    found = named(ca)
    if isinstance(found, bytes):
        return found, None
    if not is_ca(found):
        raise InputError(f"{ca}: is no certificate of a CA (a key may be named by its SHA-256)")
    return spki_hash(found), found.subject.rfc4514_string()
