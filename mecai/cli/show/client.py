"""The document of a connection on the terminal: `mecai client`."""

import sys
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mecai.client.cost import FIRST_FLIGHT
from mecai.client.document import Document
from mecai.client.explain import INTRANET_RULE, RULES, explain
from mecai.client.verdict import Outcome
from mecai.service.printable import printable

COLOURS: Final = {Outcome.ACCEPTED: "green", Outcome.WARNED: "yellow", Outcome.REFUSED: "red"}
_BAR: Final = 48  # cells of a first flight
_FILLED: Final = {"chain": "█", "staple": "▓", "vouchers": "▒"}
_WIDTH: Final = 120  # columns: nothing is cut off where the terminal has fewer, or is none


def print_text(document: Document) -> None:
    """Print it for people: the verdict first, then why, then the rest."""
    console = Console(highlight=False, markup=False, soft_wrap=True, width=_WIDTH)
    for earlier in document.get("redirects", ()):
        page = earlier["page"]
        where = printable(f"{earlier['url']}  {earlier['verdict']}, {page['status']} to {page['location']}")
        console.print(where, style="dim")
    outcome = Outcome(document["verdict"])
    console.print(f"{document['url']}  {outcome.value}", style=f"bold {COLOURS[outcome]}")
    if document["reason"]:
        _print_reason(console, document)
    if document["vouchers"]:
        _print_vouchers(console, document)
    if document["asked"]:
        names = ", ".join(each["name"] or each["authority"] for each in document["asked"])
        console.print(f"asked directly, and so told of this visit (M5): {names}")
    if document["proofs"]:
        _print_proofs(console, document)
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


def _print_proofs(console: Console, document: Document) -> None:
    console.print(f"  ✓ M4  {INTRANET_RULE}")
    table = Table("status of", "certificate", "OCSP response", "from", "until", box=None, pad_edge=False)
    for index, proof in enumerate(document["proofs"]):
        label = f"intermediate {index}" if index else "end entity"
        table.add_row(label, proof["certificate"][:16], *(proof[key] for key in ("way", "thisUpdate", "nextUpdate")))
    console.print(table)


def _print_connection(console: Console, document: Document) -> None:
    tls, timings = document["tls"], document["timings"]
    staple = "OCSP staple" if tls["staple"] else "no OCSP staple"
    if since := document["resumed"]:
        console.print(f"resumed, verdict of {since}")
    console.print(", ".join(filter(None, (tls["version"], tls["cipher"], document["address"], staple))))
    console.print(", ".join(f"{name} {timings[name]:.1f} ms" for name in timings))
    if tls["octets"]["vouchers"]:
        _print_cost(console, tls)


def _print_cost(console: Console, tls: Document) -> None:
    """Draw the server's first flight, and what of it the vouchers are."""
    octets, line = tls["octets"], Text("first flight  ")
    drawn = 0
    for name, colour in (("chain", "blue"), ("staple", "cyan"), ("vouchers", "green")):
        cells = min(round(octets[name] * _BAR / FIRST_FLIGHT), _BAR - drawn)
        line.append(_FILLED[name] * cells, colour)
        drawn += cells
    line.append("·" * (_BAR - drawn), "dim")
    sizes = ", ".join(f"{_FILLED[name]} {name} {octets[name]:,}" for name in _FILLED)
    console.print(line + Text(f"  {sizes} of {FIRST_FLIGHT:,} octets"))
    more = {0: "no round trip", 1: "one round trip"}.get(tls["roundTrips"], f"{tls['roundTrips']} round trips")
    console.print(f"vouchers cost {octets['request']:,} octets asked, {octets['vouchers']:,} answered, {more} more")


def _print_page(console: Console, page: Document) -> None:
    more = f", {page['location']}" if page["location"] else ""
    status = f"{page['status']} {page['phrase']}{more}{'' if page['complete'] else ', cut off'}"
    if "file" in page:
        console.print(printable(f"{status}, kept in {page['file'] or 'no file'}"))
        return
    console.print(printable(status) + "\n")
    body: str = page["body"]
    click.echo(printable(body) if sys.stdout.isatty() else body, color=True)  # True: click changes nothing
