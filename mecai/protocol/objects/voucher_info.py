"""VoucherInfo: what a Voucher Authority says about a certificate (docs/spec, "Voucher").

This module is the signed content alone: its schema, its value object and the rules that need nothing but itself (O7 to
O14, E1, E2, E5). The signature around it is `mecai.protocol.objects.voucher`; the rules are `mecai.protocol.verify`.

    VoucherInfo ::= SEQUENCE {
        version              INTEGER (1),
        authority            OCTET STRING (SIZE (8)),
        serialNumber         INTEGER (1..340282366920938463463374607431768211455),
        certificateHash      OCTET STRING (SIZE (32)),
        intermediateHashes   SEQUENCE (SIZE (0..8)) OF OCTET STRING (SIZE (32)),
        addresses            SEQUENCE (SIZE (1..16)) OF OCTET STRING (SIZE (4 | 16)),
        probedPort           INTEGER (1..1023),
        thisUpdate           GeneralizedTime,
        nextUpdate           GeneralizedTime,
        trustContexts        SEQUENCE (SIZE (0..32)) OF PrintableString (SIZE (1..32)),
        intermediatesMatched BOOLEAN,
        perspectives         INTEGER (1..255),
        statusEvidence       SEQUENCE (SIZE (1..9)) OF StatusEvidence,
        extensions           [0] SEQUENCE (SIZE (1..16)) OF Extension OPTIONAL }

    StatusEvidence ::= SEQUENCE {
        certificateHash      OCTET STRING (SIZE (32)),
        method               ENUMERATED { ocsp(0), crl(1), shortLived(2) },
        thisUpdate           GeneralizedTime,
        nextUpdate           GeneralizedTime,
        evidenceHash         OCTET STRING (SIZE (32)) OPTIONAL }

    Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN, extnValue OCTET STRING }
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from cryptography import x509
from cryptography.hazmat import asn1

from mecai.errors import Malformed
from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.status_evidence import (
    EncodedEvidence,
    EvidenceMethod,
    StatusEvidence,
    decode_evidence,
    encode_evidence,
)
from mecai.protocol.pki.identity import AUTHORITY_ID_SIZE, HASH_SIZE, check_addresses, check_contexts

VERSION: Final = 1
TLS_PORTS: Final = (443, 465, 563, 636, 853, 989, 990, 992, 993, 995)  # P4: those below 1024 that carry TLS
PORTS: Final = range(1, 1024)  # O10: those that not every user of a host may open
_Hash = Annotated[bytes, asn1.Size.exact(HASH_SIZE)]


@asn1.sequence
class _Extension:
    identifier: x509.ObjectIdentifier
    critical: bool
    value: bytes


@asn1.sequence
class _VoucherInfo:
    version: int
    authority: Annotated[bytes, asn1.Size.exact(AUTHORITY_ID_SIZE)]
    serial_number: int
    certificate_hash: _Hash
    intermediate_hashes: Annotated[list[_Hash], asn1.Size(0, LIMITS.intermediates)]
    addresses: Annotated[list[bytes], asn1.Size(1, LIMITS.addresses)]
    probed_port: int
    this_update: asn1.GeneralizedTime
    next_update: asn1.GeneralizedTime
    trust_contexts: Annotated[list[asn1.PrintableString], asn1.Size(0, LIMITS.contexts)]
    intermediates_matched: bool
    perspectives: int
    status_evidence: Annotated[list[EncodedEvidence], asn1.Size(1, 1 + LIMITS.intermediates)]
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(0)]


@dataclass(frozen=True)
class Extension:
    """Room for later versions; version 1 knows none, so that a critical one is refused."""

    identifier: str
    critical: bool
    value: bytes


@dataclass(frozen=True)
class VoucherInfo:
    """The content that is signed. An object that exists satisfies every rule of its own structure."""

    authority: bytes
    serial_number: int
    certificate_hash: bytes
    intermediate_hashes: tuple[bytes, ...]
    addresses: tuple[bytes, ...]
    probed_port: int
    this_update: datetime
    next_update: datetime
    trust_contexts: tuple[str, ...]
    intermediates_matched: bool
    perspectives: int
    status_evidence: tuple[StatusEvidence, ...]
    extensions: tuple[Extension, ...] = ()

    def __post_init__(self) -> None:
        _require(0 < self.serial_number < 1 << LIMITS.serial_bits, "serialNumber: out of 1..2^128-1")
        _require(_distinct(self.intermediate_hashes), "intermediateHashes: duplicate")
        check_addresses(self.addresses)
        _require(self.probed_port in PORTS, f"probedPort: {self.probed_port} is outside {PORTS[0]}..{PORTS[-1]}")
        _require(self.this_update < self.next_update, "nextUpdate must be after thisUpdate")
        check_contexts(self.trust_contexts)
        _require(0 < self.perspectives <= LIMITS.perspectives, "perspectives: out of 1..255")
        self._check_evidence()
        self._check_extensions()

    def _check_evidence(self) -> None:
        named = tuple(evidence.certificate_hash for evidence in self.status_evidence)
        _require(
            named == (self.certificate_hash, *self.intermediate_hashes),
            "statusEvidence: expected one entry per non-root certificate, end entity first",
        )
        _require(
            all(evidence.method is not EvidenceMethod.SHORT_LIVED for evidence in self.status_evidence[1:]),
            "statusEvidence: shortLived is for the end entity only",
        )

    def _check_extensions(self) -> None:
        identifiers = tuple(extension.identifier for extension in self.extensions)
        _require(_distinct(identifiers), "extensions: duplicate")
        _require(len(identifiers) <= LIMITS.extensions, f"extensions: more than {LIMITS.extensions}")
        for extension in self.extensions:
            _require(not extension.critical, f"extensions: unknown critical {extension.identifier}")

    def encode(self) -> bytes:
        """Return the DER encoding, the octets that are signed."""
        return der.encode(
            _VoucherInfo(
                version=VERSION,
                authority=self.authority,
                serial_number=self.serial_number,
                certificate_hash=self.certificate_hash,
                intermediate_hashes=list(self.intermediate_hashes),
                addresses=list(self.addresses),
                probed_port=self.probed_port,
                this_update=der.generalized(self.this_update),
                next_update=der.generalized(self.next_update),
                trust_contexts=[asn1.PrintableString(context) for context in self.trust_contexts],
                intermediates_matched=self.intermediates_matched,
                perspectives=self.perspectives,
                status_evidence=[encode_evidence(evidence) for evidence in self.status_evidence],
                extensions=[_encode_extension(extension) for extension in self.extensions] or None,
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "VoucherInfo":
        """Return the value of a strict DER encoding; raises `Malformed`."""
        value = der.decode(_VoucherInfo, encoded, "VoucherInfo", LIMITS.voucher_size)
        _require(value.version == VERSION, f"version: {value.version}, expected {VERSION}")
        _require(value.extensions != [], "extensions: empty, must be absent")
        return cls(
            authority=value.authority,
            serial_number=value.serial_number,
            certificate_hash=value.certificate_hash,
            intermediate_hashes=tuple(value.intermediate_hashes),
            addresses=tuple(value.addresses),
            probed_port=value.probed_port,
            this_update=der.moment(value.this_update, "thisUpdate"),
            next_update=der.moment(value.next_update, "nextUpdate"),
            trust_contexts=tuple(context.as_str() for context in value.trust_contexts),
            intermediates_matched=value.intermediates_matched,
            perspectives=value.perspectives,
            status_evidence=tuple(decode_evidence(evidence) for evidence in value.status_evidence),
            extensions=tuple(_decode_extension(extension) for extension in value.extensions or ()),
        )


def _encode_extension(extension: Extension) -> _Extension:
    identifier = x509.ObjectIdentifier(extension.identifier)
    return _Extension(identifier=identifier, critical=extension.critical, value=extension.value)


def _decode_extension(value: _Extension) -> Extension:
    return Extension(value.identifier.dotted_string, value.critical, value.value)


def _distinct(values: tuple[object, ...]) -> bool:
    return len(set(values)) == len(values)


def _require(condition: bool, detail: str) -> None:
    if not condition:
        raise Malformed(detail)
