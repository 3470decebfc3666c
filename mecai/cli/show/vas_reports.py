"""What was reported to a VAS: `mecai vas reports`, `mecai vas incident list`."""

from collections.abc import Iterable

from mecai.cli.show.tables import Row, show_table
from mecai.protocol.codec.strict_json import TIME
from mecai.protocol.pki.identity import address_text, hash_of
from mecai.protocol.pki.names import dns_names
from mecai.vas.storage.incidents import Notice
from mecai.vas.storage.reports import Filed


def report_document(filed: Filed) -> dict[str, object]:
    """One report of `mecai vas reports --format json`; times in RFC 3339."""
    return {
        "certificate": hash_of(filed.report.chain[0]).hex(),
        "names": list(dns_names(filed.report.chain[0])),
        **filed.report.members(),
        "text": filed.report.text,
        "received": filed.received.strftime(TIME),
        "reporter": filed.reporter,
        "authority": filed.authority.hex() if filed.authority else None,
    }


def print_reports(found: Iterable[Filed]) -> None:
    """Print the reports, one a row; below it the certificate with its names, who told it, and in which words."""
    show_table(("seen (UTC)", "verdict", "reason", "address"), [Row(_cells(each), _below(each)) for each in found])


def _cells(filed: Filed) -> tuple[str, ...]:
    report = filed.report
    where = f"{address_text(report.address)} port {report.port}"
    return f"{report.time:%Y-%m-%d %H:%M}", report.verdict, report.reason or "", where


def _below(filed: Filed) -> tuple[str, ...]:
    source = f"by way of the VA {filed.authority.hex()}" if filed.authority else f"told by {filed.reporter}"
    certificate = filed.report.chain[0]
    words = (filed.report.text,) if filed.report.text else ()
    return hash_of(certificate).hex(), *dns_names(certificate), source, *words


def incident_document(notice: Notice) -> dict[str, object]:
    """One notice of `mecai vas incident list --format json`; times in RFC 3339."""
    incident = notice.incident
    return {
        "notice": notice.hash.hex(),
        "authority": incident.authority.hex(),
        "kind": incident.kind.value,
        "subject": incident.subject.hex(),
        "time": incident.time.strftime(TIME),
        "reason": incident.reason,
        "received": notice.received.strftime(TIME),
    }


def print_incidents(found: Iterable[Notice]) -> None:
    """Print the notices, one a row; below it by which hash it is adopted, what it names, and why."""
    rows = [
        Row(
            (f"{each.incident.time:%Y-%m-%d %H:%M}", each.incident.authority.hex(), each.incident.kind),
            (f"notice {each.hash.hex()}", each.incident.subject.hex(), each.incident.reason),
        )
        for each in found
    ]
    show_table(("said (UTC)", "by the VA", "about"), rows)
