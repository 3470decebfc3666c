"""The logs of a VAS: `mecai vas log`, `mecai vas dispute list`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mecai.cli.show.tables import Row, show_table
from mecai.protocol.codec.strict_json import TIME
from mecai.protocol.pki.names import dns_names
from mecai.vas.hold.first_seen import hold_end
from mecai.vas.storage.complaints import Complaint
from mecai.vas.storage.review import Request, Reviewed

_SHORT = 16  # hex digits of a hash in a table


def document(entry: Reviewed, hold: timedelta) -> dict[str, object]:
    """One certificate of `mecai vas log --format json`; times in RFC 3339."""
    logged = entry.logged
    return {
        "certificate": entry.certificate_hash.hex(),
        "names": list(dns_names(logged.chain[0])),
        "notAfter": logged.chain[0].not_valid_after_utc.strftime(TIME),
        "firstSeen": logged.first_seen.strftime(TIME),
        "holdEnd": (logged.released or logged.first_seen + hold).strftime(TIME),
        "releasedBy": logged.released_by,
        "disputed": _time(logged.disputed),
        "requests": list(map(_request, entry.requests)),
        "notifications": list(entry.notifications),
        "objections": list(entry.objections),
        "vouchers": entry.signed.vouchers,
        "lastVoucher": _time(entry.signed.last),
        "lastPerspectives": list(entry.signed.perspectives),
    }


def _request(request: Request) -> dict[str, object]:
    return {
        "requester": request.requester,
        "addresses": list(request.addresses),
        "first": request.first.strftime(TIME),
        "last": request.last.strftime(TIME),
    }


def print_log(entries: Sequence[Reviewed], hold: timedelta, now: datetime) -> None:
    """Print the certificates, one a row with its names and who saw it for the newest voucher below."""

    def cells(entry: Reviewed) -> tuple[str, ...]:
        name, seen = entry.certificate_hash.hex()[:_SHORT], f"{entry.logged.first_seen:%Y-%m-%d %H:%M}"
        return name, seen, standing(entry, hold, now), str(entry.signed.vouchers)

    rows = [Row(cells(entry), (*dns_names(entry.logged.chain[0]), *_seen_from(entry))) for entry in entries]
    show_table(("certificate", "first seen (UTC)", "standing", "vouchers"), rows)


def _seen_from(entry: Reviewed) -> tuple[str, ...]:
    others = len(entry.signed.perspectives) > 1
    return (f"seen from {' + '.join(entry.signed.perspectives)}",) if others else ()


def standing(entry: Reviewed, hold: timedelta, now: datetime) -> str:
    """Say in words whether a certificate is vouched for."""
    logged = entry.logged
    if logged.disputed:
        return f"disputed since {logged.disputed:%Y-%m-%d %H:%M}"
    if logged.released:
        return f"no hold: {logged.released_by}"
    end = hold_end(logged, hold, now)
    return f"on hold until {end:%Y-%m-%d %H:%M}" if end else "hold is over"


def complaint_document(complaint: Complaint) -> dict[str, object]:
    """One objection of `mecai vas dispute list --format json`."""
    return {
        "certificate": complaint.certificate_hash.hex(),
        "domain": complaint.domain,
        "raised": complaint.raised.strftime(TIME),
        "requester": complaint.requester,
        "decided": _time(complaint.decided),
        "decision": complaint.decision,
        "reason": complaint.reason,
    }


def print_complaints(complaints: Sequence[Complaint]) -> None:
    """Print the objections, one a row; the whole hash is what `resolve` takes."""
    rows = [
        Row(
            (f"{each.raised:%Y-%m-%d %H:%M}", each.decision or "not decided", each.domain),
            (each.certificate_hash.hex(), *([each.reason] if each.reason else [])),
        )
        for each in complaints
    ]
    show_table(("raised (UTC)", "decision", "domain"), rows)


def _time(moment: datetime | None) -> str | None:
    return moment.strftime(TIME) if moment else None
