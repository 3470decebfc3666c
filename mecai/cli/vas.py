"""`mecai vas`: what an operator does beside the server, which is `gunicorn 'mecai.vas.http.app:create_app()'`."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import click

from mecai.cli.arguments import FILE, now, with_format
from mecai.cli.hashes import HASH
from mecai.cli.program import later
from mecai.cli.show.vas import complaint_document, document, print_complaints, print_log
from mecai.cli.vas_config import opened, with_config
from mecai.cli.vas_perspectives import perspectives
from mecai.cli.vas_reports import incident, report_key, reports
from mecai.cli.vas_rollover import rollover
from mecai.cli.vas_serve import serve
from mecai.cli.vas_signer import signer
from mecai.cli.vas_trust import context, distrust
from mecai.errors import InputError, Malformed
from mecai.protocol.objects.expedite import ExpediteStatement
from mecai.protocol.pki.identity import hash_of
from mecai.service import durable
from mecai.service.logs import log_json
from mecai.service.pem import load_certificates
from mecai.service.systemd import notify
from mecai.vas.config import read_config
from mecai.vas.issuance.signer import configured_signer
from mecai.vas.storage.complaints import ComplaintLog, Decision
from mecai.vas.storage.database import SCHEMA, open_database
from mecai.vas.storage.database import migrate as migrate_database
from mecai.vas.storage.review import review

_make_runners = later("mecai.vas.worker:make_runners")  # DNS, mail and registries, which no other verb needs
_run_all_forever = later("mecai.vas.jobs.runner:run_all_forever")


@click.group()
def command() -> None:
    """Run a Voucher Authority Server."""


command.add_command(context)
command.add_command(distrust)
command.add_command(perspectives)
command.add_command(reports)
command.add_command(report_key)
command.add_command(incident)
command.add_command(rollover)
command.add_command(serve)
command.add_command(signer)


@command.command()
@with_config
def check(config_path: Path) -> None:
    """Check the configuration, key by key; opens nothing that it names."""
    config = read_config(config_path)
    open_database(config.database)
    contexts = ", ".join(directory.context for directory in config.directories)
    hold = f"hold of {config.hold / timedelta(hours=1):g} h" if config.hold else "no hold"
    click.echo(f"{config_path}: good; contexts {contexts}; vouchers of {config.lifetime_hours} h; {hold}")


@command.command()
@with_config
def migrate(config_path: Path) -> None:
    """Bring the database's schema up to date; may be run again, and says whether there was anything to do."""
    engine = open_database(read_config(config_path).database)
    done = f"was migrated to {SCHEMA.head}" if migrate_database(engine) else "is up to date"
    engine.dispose()
    click.echo(f"{engine.url.render_as_string(hide_password=True)}: schema {done}")


@command.command()
@with_config
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
def work(config_path: Path, *, once: bool) -> None:
    """Do what waits in the outbox, for ever: tell the owners of domains by signed mail, and other VAs of reports.

    Several may run at once, on several hosts: each message is taken by one of them.
    """
    with opened(config_path) as (config, engine):
        runners = _make_runners(config, engine, now)
        if once:
            count = sum(runner.run() for runner in runners)
            click.echo(f"{count} message{'' if count == 1 else 's'} taken from the outbox")
        else:
            log_json()
            notify("READY=1")
            _run_all_forever(runners, threading.Event())


@command.command()
@with_config
@with_format
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, the newest.")
@click.option("--certificate", "named", type=HASH, help="Only this one: its SHA-256.")
def log(config_path: Path, style: str, limit: int, named: bytes | None) -> None:
    """Show the certificate log: first sight, hold, who asked, who was told, objections, vouchers."""
    with opened(config_path) as (config, engine):
        entries = review(engine, limit, named)
    if named is not None and not entries:
        raise InputError(f"--certificate: {named.hex()} is not in the log")
    if style == "json":
        click.echo(json.dumps([document(entry, config.hold) for entry in entries], indent=2))
    else:
        print_log(entries, config.hold, now())


@command.group()
def dispute() -> None:
    """Decide on objections of domain owners (docs/spec H9)."""


@dispute.command(name="list")
@with_config
@with_format
def list_(config_path: Path, style: str) -> None:
    """List all objections, those to decide on first."""
    with opened(config_path) as (_, engine):
        complaints = ComplaintLog(engine).listed()
    if style == "json":
        click.echo(json.dumps([complaint_document(each) for each in complaints], indent=2))
    else:
        print_complaints(complaints)


@dispute.command()
@with_config
@click.argument("certificate", type=HASH)
@click.option("--dismiss", "decision", flag_value=Decision.DISMISSED, type=Decision, help="It is vouched for again.")
@click.option("--uphold", "decision", flag_value=Decision.UPHELD, type=Decision, help="It stays disputed for good.")
@click.option("--reason", required=True, help="Why, for the log.")
def resolve(config_path: Path, certificate: bytes, decision: Decision | None, reason: str) -> None:
    """Decide on all open objections to a certificate, which is given by its SHA-256."""
    if decision is None:
        raise InputError("give either --dismiss or --uphold")
    with opened(config_path) as (_, engine):
        count = ComplaintLog(engine).decide(certificate, decision, reason, now())
    click.echo(f"{decision}: {count} objection{'s' if count > 1 else ''} to {certificate.hex()}")


@command.group()
def expedite() -> None:
    """Speak for certificates that other VAs hold (docs/spec H8)."""


@expedite.command()
@with_config
@click.option("--certificate", "path", type=FILE, required=True, help="Certificate (PEM) that need not wait.")
@click.option("--hours", type=click.IntRange(1, 72), default=24, show_default=True, help="How long this holds.")
@click.option("--reason", required=True, help="Why; whoever is asked about it will be shown this.")
@click.option("--out", type=FILE, required=True, help="Where to write the statement.")
def sign(config_path: Path, path: Path, hours: int, reason: str, out: Path) -> None:
    """Sign, with this VA's key, that a certificate need not wait; to be sent to the VA that holds it.

    With curl: --header 'Content-Type: application/mecai-expedite-statement' --data-binary @FILE URL/v1/expedites
    """
    signer = configured_signer(read_config(config_path))
    certificate, moment = load_certificates(path)[0], now()
    try:
        statement = ExpediteStatement(hash_of(certificate), moment, moment + timedelta(hours=hours), reason)
    except Malformed as error:
        raise InputError(f"--{error.detail}") from error
    durable.keep(out, signer.speak_for(statement), durable.PUBLIC)
    click.echo(f"{out}: until {statement.expires_at:%Y-%m-%d %H:%M} UTC, for {hash_of(certificate).hex()}")
