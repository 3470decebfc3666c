"""What is reported (docs/spec F1 to F4, F7): taken in by POST, and the feed, for programs and for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, Response, jsonify, render_template, request

from mecai.errors import MecaiError
from mecai.protocol.codec.strict_json import TIME
from mecai.protocol.objects.report import Report
from mecai.protocol.pki.identity import address_text, hash_of
from mecai.protocol.pki.names import dns_names
from mecai.service.printable import one_line
from mecai.vas.assembly import Assembly
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.reports import Filed
from mecai.vas.storage.unnotified import Unnotified
from mecai.vrp.tell import INCIDENT_TYPE, REPORT_TYPE

CLIENT_TYPE: Final = "application/json"
PAGE_TYPE: Final = "text/html"
USUAL, MOST = 50, 100  # reports of one page
_LARGEST_ID: Final = 2**31 - 1  # of the database
# Nothing but the page itself: no script runs in it, whatever names strangers had certified.
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Feed:
    """A page of it: reports, what the next one is asked for by, and on the first what nobody was told of (H3)."""

    reports: Sequence[Filed]
    older: int | None
    unnotified: Sequence[Unnotified]


def route_reports(app: Flask, server: Assembly) -> None:
    """Add the routes for reports and incident notices."""

    @app.post("/v1/reports")
    def report() -> Response:
        body, requester, kind = request.get_data(), request.remote_addr or "", request.mimetype
        if kind not in {CLIENT_TYPE, REPORT_TYPE}:
            raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {CLIENT_TYPE} or {REPORT_TYPE}")

        def work(_deadline: object) -> Report:
            if kind == REPORT_TYPE:
                return server.intake.passed_on(body, server.clock())
            return server.intake.report(body, requester, server.clock())

        return jsonify(_receipt(server.admission.hear("report", requester, work, {})))

    @app.get("/v1/reports")
    def feed() -> Response:
        before, limit = _number("before", None, _LARGEST_ID), _number("limit", USUAL, MOST) or USUAL
        requester = request.remote_addr or ""

        def work(_deadline: object) -> Feed:
            found = server.reports.listed(limit, server.clock(), before)
            older = found[-1].id if len(found) == limit else None
            return Feed(found, older, server.unnotified.listed() if before is None else ())

        found = server.admission.hear("feed", requester, work, {})
        wanted = request.accept_mimetypes.best_match([CLIENT_TYPE, PAGE_TYPE])
        response = _page(found, server) if wanted == PAGE_TYPE else _document(found, server)
        response.headers["Vary"] = "Accept"
        return response

    @app.post("/v1/incidents")
    def incident() -> Response:
        if request.mimetype != INCIDENT_TYPE:
            raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {INCIDENT_TYPE}")
        body, requester = request.get_data(), request.remote_addr or ""
        name = server.admission.hear(
            "incident notice", requester, lambda _deadline: server.intake.incident(body, server.clock()), {}
        )
        return jsonify(incident=name.hex())


def _receipt(report: Report) -> dict[str, str]:
    return {
        "certificate": hash_of(report.chain[0]).hex(),
        "address": address_text(report.address),
        "day": f"{report.time:%Y-%m-%d}",
    }


def _number(name: str, usual: int | None, most: int) -> int | None:
    """Return a number of the query; raises `Refusal` (malformed)."""
    text = request.args.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 0 < int(text) <= most):
        raise Refusal(Code.MALFORMED, f"{name}: expected 1..{most}")
    return int(text)


def _document(feed: Feed, server: Assembly) -> Response:
    said: dict[str, Any] = {"reports": [_public(each, server) for each in feed.reports]}
    if feed.unnotified:
        said["unnotified"] = list(map(_unnotified, feed.unnotified))
    if feed.older is not None:
        said["before"] = feed.older
    return jsonify(said)


def _unnotified(note: Unnotified) -> dict[str, str]:
    said = {"certificate": note.certificate, "domain": note.domain, "noted": note.noted.strftime(TIME)}
    return said | ({"holdEnd": note.hold_end.strftime(TIME)} if note.hold_end else {})


def _public(filed: Filed, server: Assembly) -> dict[str, Any]:
    """Return what everybody may know of a report (F4): not who made it, nor in which words."""
    return {
        "certificate": hash_of(filed.report.chain[0]).hex(),
        **filed.report.members(),
        "received": filed.received.strftime(TIME),
        "authority": (filed.authority or server.signer.authority).hex(),
    }


def _page(feed: Feed, server: Assembly) -> Response:
    rows = [_public(each, server) | {"names": _names(each)} for each in feed.reports]
    authority, unnotified = server.signer.authority.hex(), list(map(_unnotified, feed.unnotified))
    page = render_template("reports.html", authority=authority, rows=rows, unnotified=unnotified, older=feed.older)
    return Response(page, content_type=f"{PAGE_TYPE}; charset=utf-8", headers=_PAGE_HEADERS)


def _names(filed: Filed) -> str:
    """Return a certificate's DNS names as they can be shown; a CA may have certified anything."""
    try:
        return one_line(", ".join(dns_names(filed.report.chain[0])))
    except (MecaiError, ValueError):
        return ""
