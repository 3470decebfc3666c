"""VoucherRequest: what a server's sidecar asks of a Voucher Authority Server (docs/spec, "Voucher Request Protocol").

    VoucherRequest ::= SEQUENCE {
        version       INTEGER (1),
        certificate   OCTET STRING (SIZE (1..65535)),
        intermediates SEQUENCE (SIZE (0..8)) OF OCTET STRING (SIZE (1..65535)),
        addresses     SEQUENCE (SIZE (1..16)) OF OCTET STRING (SIZE (4 | 16)),
        port          INTEGER (1..65535),
        serverName    [0] IA5String (SIZE (1..253)) OPTIONAL,
        succession    [1] OCTET STRING (SIZE (1..65535)) OPTIONAL }

The structure alone: whether the chain is trusted or the server name fits the certificate is the server's business.
Everything that fails here is `Malformed` under rule R3.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

from cryptography import x509
from cryptography.hazmat import asn1

from mecai.errors import InputError, Malformed, under_rule
from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher_info import PORTS
from mecai.protocol.pki import certificates
from mecai.protocol.pki.identity import certificate_hash, check_addresses
from mecai.protocol.pki.names import host_name

VERSION: Final = 1
RULE: Final = "R3"


@asn1.sequence
class _VoucherRequest:
    version: int
    certificate: bytes
    intermediates: Annotated[list[bytes], asn1.Size(0, LIMITS.intermediates)]
    addresses: Annotated[list[bytes], asn1.Size(1, LIMITS.addresses)]
    port: int
    server_name: Annotated[asn1.IA5String | None, asn1.Explicit(0)]
    succession: Annotated[bytes | None, asn1.Explicit(1)]


@dataclass(frozen=True)
class VoucherRequest:
    """A request; certificates are DER, end entity and then its issuers in chain order, root left out.

    They are parsed once, here: `chain` has them parsed, `hashes` their SHA-256, both in the same order.
    """

    certificate: bytes
    intermediates: tuple[bytes, ...]
    addresses: tuple[bytes, ...]
    port: int
    server_name: str | None = None
    succession: bytes | None = None

    def __post_init__(self) -> None:
        with under_rule(RULE):
            _ = self.chain
            check_addresses(self.addresses)
            if self.port not in PORTS:
                raise Malformed(f"port: {self.port} is outside {PORTS[0]}..{PORTS[-1]}: any user may open it")
            if self.succession == b"":
                raise Malformed("succession: empty, leave it out")
            if self.server_name is not None:
                _check_server_name(self.server_name)

    @cached_property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates, end entity first."""
        end_entity = certificates.load(self.certificate, "certificate")
        issuers = (certificates.load(der, f"intermediates[{i}]") for i, der in enumerate(self.intermediates))
        return (end_entity, *issuers)

    @cached_property
    def hashes(self) -> tuple[bytes, ...]:
        """The certificates' names in this protocol, end entity's first."""
        return tuple(map(certificate_hash, (self.certificate, *self.intermediates)))

    def encode(self) -> bytes:
        """Return the DER encoding; raises `Malformed` when it is too large."""
        with under_rule(RULE):
            encoded = der.encode(
                _VoucherRequest(
                    version=VERSION,
                    certificate=self.certificate,
                    intermediates=list(self.intermediates),
                    addresses=list(self.addresses),
                    port=self.port,
                    server_name=asn1.IA5String(self.server_name) if self.server_name is not None else None,
                    succession=self.succession,
                )
            )
            if len(encoded) > LIMITS.request_size:
                raise Malformed(f"VoucherRequest: {len(encoded)} octets, more than the {LIMITS.request_size} allowed")
            return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> "VoucherRequest":
        """Return the value of a strict DER encoding; raises `Malformed`."""
        with under_rule(RULE):
            value = der.decode(_VoucherRequest, encoded, "VoucherRequest", LIMITS.request_size)
            if value.version != VERSION:
                raise Malformed(f"version: {value.version}, expected {VERSION}")
        return cls(
            certificate=value.certificate,
            intermediates=tuple(value.intermediates),
            addresses=tuple(value.addresses),
            port=value.port,
            server_name=value.server_name.as_str() if value.server_name is not None else None,
            succession=value.succession,
        )


def _check_server_name(text: str) -> None:
    if len(text) > LIMITS.server_name_length:
        raise Malformed(f"serverName: {len(text)} octets, more than the {LIMITS.server_name_length} allowed")
    try:
        normal = host_name(text)
    except InputError as error:
        raise Malformed(f"serverName: {error}") from error
    if text != normal:
        raise Malformed(f"serverName: {text!r}, expected its normal form {normal!r}")
