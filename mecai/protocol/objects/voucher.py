"""A voucher: VoucherInfo under its Voucher Authority's signature, with the OCSP responses that travel in it.

Parsing checks the shape (rule V1); whether to believe it is `mecai.protocol.verify`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cryptography import x509

from mecai.errors import Malformed
from mecai.protocol import oids
from mecai.protocol.codec.cms import SignedContent, enveloped, parse_signed_content, signature_of
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.identity import sha256
from mecai.protocol.pki.keys import PrivateKey


@dataclass(frozen=True)
class Voucher:
    """A parsed voucher: `hash` (SHA-256 over the VoucherInfo) names it whatever its signature's octets are."""

    der: bytes = field(repr=False)
    info: VoucherInfo
    signed: SignedContent

    @property
    def hash(self) -> bytes:
        """SHA-256 over the signed VoucherInfo."""
        return sha256(self.signed.content)

    @property
    def authority_certificate(self) -> x509.Certificate:
        """The certificate that claims to be the Voucher Authority's."""
        return self.signed.certificate

    @property
    def ocsp_responses(self) -> tuple[bytes, ...]:
        """The DER OCSPResponses that travel with the voucher."""
        return self.signed.ocsp_responses

    @cached_property
    def responses_by_hash(self) -> Mapping[bytes, bytes]:
        """The same by their SHA-256, as statusEvidence names them."""
        return {sha256(response): response for response in self.ocsp_responses}

    @cached_property
    def own_responses(self) -> tuple[bytes, ...]:
        """The responses that no statusEvidence names: that for the authority's own certificate, if it is there."""
        named = {entry.evidence_hash for entry in self.info.status_evidence}
        return tuple(response for name, response in self.responses_by_hash.items() if name not in named)


def sign_voucher(
    info: VoucherInfo, key: PrivateKey, certificate: x509.Certificate, ocsp_responses: Sequence[bytes]
) -> bytes:
    """Return the DER voucher; `ocsp_responses` are those the evidence names and the authority's own, in any order.

    Raises `Malformed` for one so large that nobody would accept it.
    """
    content = info.encode()
    signature = signature_of(oids.ID_CT_VOUCHER_INFO, content, key, certificate)
    return enveloped_voucher(content, signature, certificate, ocsp_responses)


def enveloped_voucher(
    content: bytes, signature: bytes, certificate: x509.Certificate, ocsp_responses: Sequence[bytes]
) -> bytes:
    """Return what `sign_voucher` returns, of an encoded VoucherInfo and the signature over it; raises `Malformed`."""
    encoded = enveloped(oids.ID_CT_VOUCHER_INFO, content, signature, certificate, ocsp_responses)
    if len(encoded) > LIMITS.voucher_size:
        raise Malformed(f"voucher: {len(encoded)} octets, more than the {LIMITS.voucher_size} allowed")
    return encoded


def parse_voucher(encoded: bytes) -> Voucher:
    """Parse a DER voucher of at most `Limits.voucher_size`; raises `Malformed`."""
    signed = parse_signed_content(encoded, oids.ID_CT_VOUCHER_INFO)
    if not signed.ocsp_responses:
        raise Malformed("crls: absent, expected the OCSP response for the authority's certificate at least")
    voucher = Voucher(encoded, VoucherInfo.decode(signed.content), signed)
    if len(voucher.own_responses) > 1:
        raise Malformed("crls: OCSP responses that no statusEvidence names")
    return voucher
