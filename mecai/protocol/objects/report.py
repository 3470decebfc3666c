"""What a client saw and tells of it (docs/spec F1), and the same as one VA passes it on to the others (F3).

    {"chain": ["MIIB...", ...], "address": "192.0.2.1", "port": 443, "time": "2026-03-02T12:00:00Z",
     "verdict": "refused", "reason": "no-voucher", "text": "what a person adds"}

Certificates are base64 of their DER, end entity first. A VA signs the same, without `text` and with its own id as
`authority`; whose key may do that, `mecai.vas.reports` judges. Nothing in a report is proved by it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import InputError, Malformed, under_rule
from mecai.protocol import oids
from mecai.protocol.codec.cms import sign_content
from mecai.protocol.codec.strict_json import TIME, Members, load
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.entries import encode_certificate
from mecai.protocol.objects.statement import VERSION, Signed, check_version, parse_statement, require
from mecai.protocol.pki.identity import AUTHORITY_ID_SIZE, address_octets, address_text
from mecai.protocol.pki.keys import PrivateKey
from mecai.reasons import REASONS

PORTS: Final = range(1, 1 << 16)  # a client connects wherever it is told to


class Verdict(StrEnum):
    """What became of the connection (docs/spec M1)."""

    ACCEPTED = "accepted"
    WARNED = "warned"
    REFUSED = "refused"


@dataclass(frozen=True)
class Report:
    """The chain that `address` showed at `port`, end entity first, and what a client made of it.

    `reason` is a reason code, None where the connection was accepted; `text` is a person's own words, perhaps none.
    """

    chain: tuple[x509.Certificate, ...]
    address: bytes
    port: int
    time: datetime
    verdict: Verdict
    reason: str | None
    text: str | None = None

    def __post_init__(self) -> None:
        count, size = len(self.chain), sum(len(each.public_bytes(Encoding.DER)) for each in self.chain)
        require(0 < count <= LIMITS.chain_length, f"chain: {count} certificates, expected 1..{LIMITS.chain_length}")
        require(size <= LIMITS.report_chain_size, f"chain: {size} octets, more than {LIMITS.report_chain_size}")
        require(self.port in PORTS, f"port: {self.port} is outside {PORTS[0]}..{PORTS[-1]}")
        if self.verdict is Verdict.ACCEPTED:
            require(self.reason is None, "reason: must be absent where the connection was accepted")
        else:
            require(self.reason in REASONS, "reason: expected a reason code of section 11")

    def members(self) -> dict[str, Any]:
        """Return what everybody may know: the members of the JSON object, without `text`."""
        return {
            "chain": [encode_certificate(each) for each in self.chain],
            "address": address_text(self.address),
            "port": self.port,
            "time": self.time.strftime(TIME),
            "verdict": self.verdict.value,
            **({"reason": self.reason} if self.reason else {}),
        }

    def sign(self, authority: bytes, key: PrivateKey, certificate: x509.Certificate) -> bytes:
        """Return the report as the VA `authority` passes it on, DER, signed with its report key (K4)."""
        content = {"version": VERSION, "authority": authority.hex(), **self.members()}
        return sign_content(oids.ID_CT_REPORT, json.dumps(content).encode(), key, certificate)


@dataclass(frozen=True)
class PassedOn:
    """A report, and the id of the VA that says to have been given it."""

    authority: bytes
    report: Report


def parse_report(content: bytes) -> Report:
    """Parse a client's report, JSON; raises `Malformed` (F1)."""
    with under_rule("F1"):
        return _read(Members(load(content, "report"), "report"))


def parse_passed_on(encoded: bytes) -> Signed[PassedOn]:
    """Parse a report that a VA passed on, DER; raises `Malformed` (F3)."""
    with under_rule("F3"):
        signed = parse_statement(encoded, oids.ID_CT_REPORT, LIMITS.request_size)
        members = Members(load(signed.content, "report"), "report")
        check_version(members.integer("version"))
        require("text" not in members, "report.text: must be absent in a report that is passed on")
        return Signed(PassedOn(members.hex("authority", AUTHORITY_ID_SIZE), _read(members)), signed)


def _read(members: Members) -> Report:
    return Report(
        chain=members.certificates("chain"),
        address=_address(members),
        port=members.integer("port"),
        time=members.time("time"),
        verdict=_verdict(members),
        reason=members.text("reason") if "reason" in members else None,
        text=members.text("text", LIMITS.reason_length) if "text" in members else None,
    )


def _address(members: Members) -> bytes:
    try:
        return address_octets(members.text("address"))
    except InputError as error:
        raise Malformed(f"{members.where}.address: {error}") from error


def _verdict(members: Members) -> Verdict:
    try:
        return Verdict(members.text("verdict"))
    except ValueError as error:
        raise Malformed(f"{members.where}.verdict: expected one of {', '.join(Verdict)}") from error
