"""What `mecai client` does, loaded when it does it: one connection, one document, one exit code."""

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from mecai.cli.arguments import file_mode, now
from mecai.cli.program import loaded
from mecai.client.context import VoucherContext
from mecai.client.document import Document, document_of, failure_document, page_document
from mecai.client.fetch import FILE_LIMIT, PAGE_LIMIT, JudgedConnection, Page, connect, get
from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.report import report_of
from mecai.client.request import PLAIN, REDIRECTS, Destination, Request
from mecai.client.verdict import Outcome, Verdict
from mecai.errors import HostError, InputError, VerificationError
from mecai.net.dial import Unreachable
from mecai.net.resolve import Resolve, from_system
from mecai.service import durable
from mecai.service.deadline import Deadline
from mecai.service.printable import printable

_REFUSED_CODE: Final = VerificationError.exit_code
_AFTERWARDS: Final = "mecai.cli.client_reports:Afterwards"
_PRINT_TEXT: Final = "mecai.cli.show.client:print_text"  # draws tables, which programs do without


@dataclass(frozen=True)
class Wish:
    """What is wanted of a site beside its verdict; `page` False: nothing is asked over TLS."""

    page: bool = True
    request: Request = PLAIN
    addresses: Mapping[tuple[str, int], bytes] = field(default_factory=dict)  # of a host and port, whatever DNS says
    output: Path | None = None  # where the page goes, in the place of the terminal
    follow: bool = False  # redirects, each under the same policy


@dataclass
class _Visit:
    """What came of a wish: the last connection and its document, or what stood in the way."""

    document: Document
    code: int
    destination: Destination
    verdict: Verdict | None = None
    page: Page | None = None
    failure: HostError | None = None


def fetch(url: str, wish: Wish, **options: Any) -> int:  # noqa: ANN401 - those of _run
    """Fetch a page and show it with who vouched for its server; returns the exit code."""
    return _run(Destination.of_url(url), wish, **options)


def shake_hands(host: str, starttls: str | None, **options: Any) -> int:  # noqa: ANN401 - those of _run
    """Shake hands, perhaps after STARTTLS, and show who vouched for the server; returns the exit code."""
    return _run(Destination.of_host(host, starttls or "https"), Wish(page=False), **options)


def _run(
    destination: Destination,
    wish: Wish,
    *,
    started: float,
    config: Path,
    mode: str | None = None,
    profile: str | None = None,
    direct: bool = False,
    audit: bool = False,
    timeout: float,
    report: Path | None = None,
    style: str = "text",
) -> int:
    """Visit, show the document, perhaps keep the page and write a report; returns the exit code."""
    policy = read_policy(config).instead(mode, profile, direct=direct, audit=audit)
    context = _context(destination, policy, style)
    afterwards = loaded(_AFTERWARDS)(context.besides, style) if context.besides else None
    show = _print_json if style == "json" else loaded(_PRINT_TEXT)  # now, since the timeout is over this, too
    visit = _visit_all(destination, wish, context, Deadline(timeout - (time.monotonic() - started)))
    if wish.output and visit.page and not visit.failure:
        try:
            durable.keep(wish.output, visit.page.body, file_mode())
        except HostError as error:
            visit.failure, visit.document["page"] = error, visit.document["page"] | {"file": None}
    show(visit.document)
    if afterwards:
        afterwards.finish()
    if visit.failure:
        raise visit.failure
    if report is not None and visit.verdict:
        _write_report(report, visit.verdict, visit.destination, policy)
    return visit.code


def _visit_all(destination: Destination, wish: Wish, context: VoucherContext, deadline: Deadline) -> _Visit:
    """Visit a site, and those that it leads on to if that is wanted; whichever is refused is the last."""
    redirects: list[Document] = []
    while True:
        visit = _visit(destination, wish, context, deadline)
        if redirects:
            visit.document["redirects"] = redirects
        if not wish.follow or not visit.page:
            return visit
        try:
            led_on = wish.request.led_on(destination, visit.page.status, visit.page.location)
        except InputError as error:
            visit.failure = HostError(f"{destination.url}: leads on to where no voucher can be demanded ({error})")
            return visit
        if led_on is None:
            return visit
        if len(redirects) == REDIRECTS:
            visit.failure = HostError(f"{destination.url}: leads on once more, after {REDIRECTS} times")
            return visit
        redirects = [*redirects, visit.document | {"page": {"status": visit.page.status, "location": led_on[1].url}}]
        wish, destination = dataclasses.replace(wish, request=led_on[0]), led_on[1]


def _visit(destination: Destination, wish: Wish, context: VoucherContext, deadline: Deadline) -> _Visit:
    """Connect, and ask if that is wanted and the connection was not refused."""
    known = wish.addresses.get((destination.host, destination.port))
    resolve: Resolve = from_system if known is None else lambda _name, _deadline: [known]
    try:
        connection = connect(destination, context, deadline, resolve)
    except (VerificationError, Unreachable) as error:
        failed = failure_document(destination, error, intranet=context.is_private(destination.host))
        return _Visit(failed, error.exit_code, destination)
    code = _REFUSED_CODE if connection.verdict.outcome is Outcome.REFUSED else 0
    visit = _Visit(document_of(destination, connection, context), code, destination, connection.verdict)
    with closing(connection.socket) if connection.socket else nullcontext():
        if wish.page and connection.socket:
            try:
                visit.page = _page(connection, destination, wish, deadline)
                visit.document["page"] = page_document(visit.page, wish.output)
            except HostError as error:
                visit.failure = error
    return visit


def _page(connection: JudgedConnection, destination: Destination, wish: Wish, deadline: Deadline) -> Page:
    """Ask for the page; one for a file is there wholly or not at all."""
    page = get(connection, destination, deadline, wish.request, FILE_LIMIT if wish.output else PAGE_LIMIT)
    if wish.output and not page.complete:
        raise HostError(f"{destination.url}: longer than the {FILE_LIMIT} octets that a file may have; nothing is kept")
    return page


def _write_report(path: Path, verdict: Verdict, destination: Destination, policy: ClientPolicy) -> None:
    """Write what a person may send to a VA; what cannot be reported is said, and changes no verdict."""
    try:
        made = report_of(verdict, destination.host, destination.port, now(), policy.tellable)
    except InputError as error:
        click.echo(printable(f"mecai: {error}"), err=True)
    else:
        durable.keep(path, json.dumps(made.members(), indent=1).encode() + b"\n", durable.PUBLIC)


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
