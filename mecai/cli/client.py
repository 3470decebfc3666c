"""`mecai client`: fetch a page, or only shake hands, and say who vouched for the server.

Exit codes: 0 accepted (or no more than warned of), 1 refused, by the rules or by ordinary TLS, 2 usage, 3 nothing
answered or no page came. Both formats show one document, so that they say the same.
"""

import dataclasses
import json
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.table import Table

from mecai.client.context import VoucherContext
from mecai.client.explain import RULES, explain
from mecai.client.fetch import Destination, JudgedConnection, Page, connect, get
from mecai.client.policy import DEFAULT_CONFIG, MODES, PROFILES, ClientPolicy, read_policy
from mecai.client.verdict import Outcome
from mecai.errors import MecaiError, VerificationError
from mecai.net.dial import Unreachable
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import certificate_hash
from mecai.protocol.verify.connection import Vouched
from mecai.service.deadline import Deadline
from mecai.service.printable import printable

Document = dict[str, Any]
Command = TypeVar("Command", bound=Callable[..., object])

_COLOURS: Final = {Outcome.ACCEPTED: "green", Outcome.WARNED: "yellow", Outcome.REFUSED: "red"}
_WIDTH: Final = 120  # columns: nothing is cut off where the terminal has fewer, or is none
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
        click.option("--format", "style", type=click.Choice(["human", "json"]), default="human", show_default=True),
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
    context = VoucherContext.from_policy(_policy(config, mode, profile))
    show = _print_json if style == "json" else _print_human
    deadline = Deadline(timeout)
    try:
        connection = connect(destination, context, deadline)
    except (VerificationError, Unreachable) as error:
        show(_failure_document(destination, error))
        return error.exit_code
    document = _document(destination, connection, context)
    with closing(connection.socket) if connection.socket else nullcontext():
        try:
            if with_page and connection.socket:
                document["page"] = _page_document(get(connection, destination, deadline))
        finally:
            show(document)
    return _REFUSED_CODE if connection.verdict.outcome is Outcome.REFUSED else 0


def _policy(config: Path, mode: str | None, profile: str | None) -> ClientPolicy:
    """Read the configuration; what the command line names goes before it."""
    policy = read_policy(config)
    return dataclasses.replace(policy, mode=mode or policy.mode, profile=profile or policy.profile)


def _document(destination: Destination, connection: JudgedConnection, context: VoucherContext) -> Document:
    """Say everything about one judged connection."""
    verdict, facts = connection.verdict, connection.verdict.facts
    checked = [rule for rule in RULES if rule != "V10" or context.policy.contexts]  # no own context: nothing to check
    return {
        "verdict": verdict.outcome.value,
        "reason": verdict.reason,
        "rule": verdict.rule,
        "detail": verdict.detail or None,
        "url": destination.url,
        "address": verdict.peer_address,
        "vouchers": [_voucher_document(vouched) for vouched in verdict.vouched],
        "candidates": [_name_document(context.directory, candidate) for candidate in verdict.candidates],
        "checked": checked if verdict.vouched else [],
        "tls": {
            "version": facts.version,
            "cipher": facts.cipher,
            "certificate": certificate_hash(facts.chain[0]).hex(),
            "staple": facts.staple is not None,
        },
        "timings": {name: round(1000 * seconds, 3) for name, seconds in dataclasses.asdict(connection.timings).items()},
    }


def _failure_document(destination: Destination, error: MecaiError) -> Document:
    """Say why no connection came to be judged."""
    reason = error.reason if isinstance(error, VerificationError | Unreachable) else None
    detail = error.detail if isinstance(error, VerificationError) else str(error)
    document: Document = {"verdict": Outcome.REFUSED.value, "reason": reason, "rule": None, "detail": detail}
    return document | {"url": destination.url, "address": None, "vouchers": [], "candidates": [], "checked": []}


def _voucher_document(vouched: Vouched) -> Document:
    info, authority = vouched.voucher.info, vouched.authority
    return {
        "authority": authority.authority.hex(),
        "name": authority.name,
        "ownerGroup": authority.owner_group,
        "thisUpdate": _time(info.this_update),
        "nextUpdate": _time(info.next_update),
        "perspectives": info.perspectives,
        "evidence": [
            {
                "certificate": evidence.certificate_hash.hex(),
                "method": evidence.method.name.lower(),
                "thisUpdate": _time(evidence.this_update),
                "nextUpdate": _time(evidence.next_update),
            }
            for evidence in vouched.statuses
        ],
    }


def _name_document(directory: Directory, candidate: bytes) -> Document:
    authority = directory.find(candidate)
    return {"authority": candidate.hex(), "name": authority.name if authority else None}


def _page_document(page: Page) -> Document:
    return {
        "status": page.status,
        "phrase": page.phrase,
        "contentType": page.content_type,
        "location": page.location,
        "body": page.body.decode("utf-8", errors="replace"),
        "complete": page.complete,
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _print_json(document: Document) -> None:
    click.echo(json.dumps(document, indent=2))


def _print_human(document: Document) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True, width=_WIDTH)
    outcome = Outcome(document["verdict"])
    console.print(f"{document['url']}  {outcome.value}", style=f"bold {_COLOURS[outcome]}")
    if document["reason"]:
        _print_reason(console, document)
    if document["vouchers"]:
        _print_vouchers(console, document)
    if "tls" in document:
        _print_connection(console, document)
    if page := document.get("page"):
        _print_page(console, page)


def _print_reason(console: Console, document: Document) -> None:
    words = explain(document["reason"])
    rule = f" (rule {document['rule']})" if document["rule"] else ""
    console.print(f"reason     {document['reason']}{rule}")
    console.print(f"           {words.meaning}")
    console.print(f"           {printable(document['detail'])}", style="dim")
    console.print(f"what to do {words.advice}")
    if document["candidates"]:
        names = ", ".join(candidate["name"] or candidate["authority"] for candidate in document["candidates"])
        console.print(f"asked for  {names}")


def _print_vouchers(console: Console, document: Document) -> None:
    table = Table("vouched by", "id", "owner", "from", "until", box=None, pad_edge=False)
    for voucher in document["vouchers"]:
        table.add_row(*(voucher[key] for key in ("name", "authority", "ownerGroup", "thisUpdate", "nextUpdate")))
    console.print(table)
    for rule in document["checked"]:
        console.print(f"  ✓ {rule:<4}{RULES[rule]}")
    first = document["vouchers"][0]
    table = Table(f"evidence of {first['name']}", "certificate", "method", "from", "until", box=None, pad_edge=False)
    for index, evidence in enumerate(first["evidence"]):
        label = f"intermediate {index}" if index else "end entity"
        columns = (evidence[key] for key in ("method", "thisUpdate", "nextUpdate"))
        table.add_row(label, evidence["certificate"][:16], *columns)
    console.print(table)


def _print_connection(console: Console, document: Document) -> None:
    tls, timings = document["tls"], document["timings"]
    staple = "OCSP staple" if tls["staple"] else "no OCSP staple"
    console.print(f"{tls['version']}, {tls['cipher']}, {document['address']}, {staple}")
    console.print(", ".join(f"{name} {timings[name]:.1f} ms" for name in timings))


def _print_page(console: Console, page: Document) -> None:
    more = f", {page['location']}" if page["location"] else ""
    status = f"{page['status']} {page['phrase']}{more}{'' if page['complete'] else ', cut off'}"
    console.print(printable(status) + "\n")
    body: str = page["body"]
    click.echo(printable(body) if sys.stdout.isatty() else body, color=True)  # True: click changes nothing
