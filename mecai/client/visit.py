"""The way to a site: connected, shaken hands with and judged, before its browser hears anything."""

import asyncio
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mecai.client.choices import NEVER
from mecai.client.context import VoucherContext
from mecai.client.document import Document, failure_document, verdict_document
from mecai.client.fetch import invalid
from mecai.client.report import report_name, report_of
from mecai.client.request import Destination
from mecai.client.streams import open_connection
from mecai.client.verdict import Refused, Verdict
from mecai.errors import InputError, VerificationError
from mecai.net.dial import Unreachable
from mecai.service.printable import words

if TYPE_CHECKING:
    from mecai.client.gate import Gate

SECONDS: Final = 20.0  # until there is a verdict
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Visit:
    """How a site was met: the document of it, the connection unless it was refused, what may be reported of a refusal.

    `report` is what a VA takes (docs/spec F1), or else the line that says why there is none; `report_name` is its name
    on this machine, and `reporting` says what the policy makes of it.
    """

    document: Document
    streams: Streams | None = None
    report: dict[str, Any] | str = "report: no certificate was judged"
    report_name: str = ""
    reporting: str = NEVER


async def visit(destination: Destination, context: VoucherContext, seconds: float = SECONDS) -> Visit:
    """Connect and judge within `seconds`; whatever goes wrong is a visit without streams.

    The document of it is that of `mecai client check`, with host, port and time besides.
    """
    met = await _visit(destination, context, seconds)
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return replace(met, document={"host": destination.host, "port": destination.port, "time": time, **met.document})


async def _visit(destination: Destination, context: VoucherContext, seconds: float) -> Visit:
    try:
        streams = await open_connection(destination.host, destination.port, context, seconds=seconds)
    except Refused as refusal:
        return _refused(refusal.verdict, destination, context)
    except Unreachable as error:
        return _failed(destination, context, error)
    except ssl.SSLCertVerificationError as error:
        private = context.is_private(destination.host)
        return _failed(destination, context, invalid(destination.host, error, private=private))
    except OSError as error:
        return _failed(destination, context, VerificationError("handshake-failed", "TLS", words(error)))
    return Visit(verdict_document(destination, _verdict_of(streams[1]), context), streams)


def _failed(destination: Destination, context: VoucherContext, error: VerificationError | Unreachable) -> Visit:
    private = context.is_private(destination.host)
    return Visit(failure_document(destination, error, intranet=private))


def _verdict_of(writer: asyncio.StreamWriter) -> Verdict:
    gate: Gate = writer.get_extra_info("ssl_object")
    if gate.verdict is None:
        raise RuntimeError("a connection was opened without a verdict")
    return gate.verdict


def _refused(verdict: Verdict, destination: Destination, context: VoucherContext) -> Visit:
    """Return what may be reported with it, or why nothing may: nothing of a private network leaves it (P3)."""
    document, now = verdict_document(destination, verdict, context), datetime.now(UTC)
    try:
        made = report_of(verdict, destination.host, destination.port, now, context.policy.tellable)
    except InputError as error:
        return Visit(document, report=str(error))
    reporting = context.policy.at(destination.host).reporting
    return Visit(document, report=made.members(), report_name=report_name(made), reporting=reporting)
