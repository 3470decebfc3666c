"""What `mecai client` does, loaded when it does it: one connection, one document, one exit code."""

import dataclasses
import json
import os
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, Final

import click

from mecai.cli.arguments import now
from mecai.cli.program import loaded
from mecai.client.context import VoucherContext
from mecai.client.document import Document, document_of, failure_document, page_document
from mecai.client.fetch import Destination, connect, get
from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.verdict import Outcome, Verdict
from mecai.errors import InputError, VerificationError
from mecai.net.dial import Unreachable
from mecai.service import durable
from mecai.service.deadline import Deadline
from mecai.service.printable import printable
from mecai.service.settings import Network

_REFUSED_CODE: Final = VerificationError.exit_code
_PRINT_TEXT: Final = "mecai.cli.show.client:print_text"  # draws tables, which programs do without


def fetch(url: str, **options: Any) -> int:  # noqa: ANN401 - those of _run
    """Fetch a page and show it with who vouched for its server; returns the exit code."""
    return _run(Destination.of_url(url), with_page=True, **options)


def shake_hands(host: str, starttls: str | None, **options: Any) -> int:  # noqa: ANN401 - those of _run
    """Shake hands, perhaps after STARTTLS, and show who vouched for the server; returns the exit code."""
    return _run(Destination.of_host(host, starttls or "https"), with_page=False, **options)


def _run(
    destination: Destination,
    *,
    with_page: bool,
    started: float,
    config: Path,
    mode: str | None,
    profile: str | None,
    timeout: float,
    report: Path | None,
    style: str,
) -> int:
    """Connect, perhaps fetch, show the document, perhaps write a report of it; returns the exit code."""
    policy = _policy(config, mode, profile)
    context = _context(destination, policy, style)
    show = _print_json if style == "json" else loaded(_PRINT_TEXT)  # now, since the timeout is over this, too
    deadline = Deadline(timeout - (time.monotonic() - started))
    try:
        connection = connect(destination, context, deadline)
    except (VerificationError, Unreachable) as error:
        show(failure_document(destination, error, intranet=context.is_private(destination.host)))
        return error.exit_code
    document = document_of(destination, connection, context)
    with closing(connection.socket) if connection.socket else nullcontext():
        try:
            if with_page and connection.socket:
                document["page"] = page_document(get(connection, destination, deadline))
        finally:
            show(document)
    if report is not None:
        _write_report(report, connection.verdict, destination, policy.allowed_networks)
    return _REFUSED_CODE if connection.verdict.outcome is Outcome.REFUSED else 0


def _write_report(path: Path, verdict: Verdict, destination: Destination, allowed: tuple[Network, ...]) -> None:
    """Write what a person may send to a VA; what cannot be reported is said, and changes no verdict."""
    try:
        made = loaded("mecai.client.report:report_of")(verdict, destination.port, now(), allowed)
    except InputError as error:
        click.echo(printable(f"mecai: {error}"), err=True)
    else:
        durable.replace(path, json.dumps(made.members(), indent=1).encode() + b"\n", durable.PUBLIC)


def _print_json(document: Document) -> None:
    """Print it for programs."""
    click.echo(json.dumps(document, indent=2))


def _context(destination: Destination, policy: ClientPolicy, style: str) -> VoucherContext:
    """Make the context; a directory not to be believed is `VerificationError`, and in JSON a document besides."""
    try:
        context = VoucherContext.from_policy(policy)
    except VerificationError as error:
        if style == "json":
            _print_json(failure_document(destination, error))
        raise
    if keys := os.environ.get("SSLKEYLOGFILE"):
        context.keylog_filename = keys
    return context


def _policy(config: Path, mode: str | None, profile: str | None) -> ClientPolicy:
    """Read the configuration; what the command line names goes before it."""
    policy = read_policy(config)
    return dataclasses.replace(policy, mode=mode or policy.mode, profile=profile or policy.profile)
