"""`mecai client`: fetch a page, or only shake hands, and say who vouched for the server.

Exit codes: 0 accepted (or no more than warned of), 1 refused, by the rules or by ordinary TLS, 2 usage, 3 nothing
answered or no page came. Both formats show one document, so that they say the same. SSLKEYLOGFILE, as in browsers and
curl, names a file for the secrets of the handshakes, with which Wireshark reads a capture.
"""

import dataclasses
import os
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mecai.cli.arguments import with_format
from mecai.cli.show.client import print_json, print_text
from mecai.cli.show.connection import document_of, failure_document, page_document
from mecai.client.context import VoucherContext
from mecai.client.fetch import Destination, connect, get
from mecai.client.policy import DEFAULT_CONFIG, MODES, PROFILES, ClientPolicy, read_policy
from mecai.client.verdict import Outcome
from mecai.errors import VerificationError
from mecai.net.dial import Unreachable
from mecai.service.deadline import Deadline

Command = TypeVar("Command", bound=Callable[..., object])

_REFUSED_CODE: Final = VerificationError.exit_code


@click.group()
def command() -> None:
    """Fetch over TLS and demand vouchers."""


def _options(function: Command) -> Command:
    """Add what both verbs take."""
    for option in (
        click.option("--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True),
        click.option("--mode", type=click.Choice(MODES), help="Instead of the configuration's."),
        click.option("--profile", type=click.Choice(list(PROFILES)), help="Instead of the configuration's."),
        click.option("--timeout", type=click.FloatRange(1, 600), default=30, show_default=True, help="Seconds in all."),
        with_format,
    ):
        function = option(function)
    return function


@command.command("get")
@click.argument("url")
@_options
def get_page(url: str, **options: Any) -> int:  # noqa: ANN401 - those of _options
    """Fetch URL, say who vouched for its server, and print the page."""
    return _run(Destination.of_url(url), with_page=True, **options)


@command.command("check")
@click.argument("host", metavar="HOST[:PORT]")
@_options
def check(host: str, **options: Any) -> int:  # noqa: ANN401 - those of _options
    """Shake hands with HOST and say who vouched for it; send nothing."""
    return _run(Destination.of_host(host), with_page=False, **options)


def _run(
    destination: Destination,
    *,
    with_page: bool,
    config: Path,
    mode: str | None,
    profile: str | None,
    timeout: float,
    style: str,
) -> int:
    """Connect, perhaps fetch, show the document; returns the exit code."""
    context = _context(destination, _policy(config, mode, profile), style)
    show = print_json if style == "json" else print_text
    deadline = Deadline(timeout)
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
    return _REFUSED_CODE if connection.verdict.outcome is Outcome.REFUSED else 0


def _context(destination: Destination, policy: ClientPolicy, style: str) -> VoucherContext:
    """Make the context; a directory not to be believed is `VerificationError`, and in JSON a document besides."""
    try:
        context = VoucherContext.from_policy(policy)
    except VerificationError as error:
        if style == "json":
            print_json(failure_document(destination, error))
        raise
    if keys := os.environ.get("SSLKEYLOGFILE"):
        context.keylog_filename = keys
    return context


def _policy(config: Path, mode: str | None, profile: str | None) -> ClientPolicy:
    """Read the configuration; what the command line names goes before it."""
    policy = read_policy(config)
    return dataclasses.replace(policy, mode=mode or policy.mode, profile=profile or policy.profile)
