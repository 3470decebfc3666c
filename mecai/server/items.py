"""One file of the staple directory, checked: what a server may hand to clients (docs/spec T6).

Only what every server can check is checked: that the file is what its name says, for this certificate, whole, and now.
Whether anybody should believe it is for the sidecar before it writes, and for each client.
"""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import Hash
from cryptography.x509 import ocsp

from mecai.errors import Malformed
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki import certificates


@dataclass(frozen=True)
class VoucherItem:
    """A voucher: its octets and the claims that choosing goes by."""

    der: bytes = field(repr=False)
    hash: bytes
    authority: bytes
    addresses: tuple[bytes, ...]
    contexts: tuple[str, ...]
    next_update: datetime


@dataclass(frozen=True)
class OcspItem:
    """An OCSP response for the certificate."""

    der: bytes = field(repr=False)
    next_update: datetime


class Refused(Exception):
    """Why a file is not served. `until`: it is not valid yet, and is to be checked again then."""

    def __init__(self, why: str, until: datetime | None = None) -> None:
        super().__init__(why)
        self.until = until


def check_voucher(der: bytes, certificate: bytes, authority: bytes, now: datetime) -> VoucherItem:
    """Return a voucher of `authority` (its id) for a `certificate` (its SHA-256); raises `Refused` or `MecaiError`."""
    voucher = parse_voucher(der)
    voucher.signed.verify_signature()
    info = voucher.info
    if info.authority != authority:
        raise Refused("foreign: of another Voucher Authority than the file's name says")
    if info.certificate_hash != certificate:
        raise Refused("foreign: for another certificate than the folder's name says")
    _check_time(info.this_update, info.next_update, now)
    return VoucherItem(der, voucher.hash, info.authority, info.addresses, info.trust_contexts, info.next_update)


def check_ocsp(der: bytes, certificate: x509.Certificate, now: datetime) -> OcspItem:
    """Return an OCSP response about `certificate`; its status is the client's to judge. Raises as `check_voucher`."""
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Refused(f"its responseStatus is {response.response_status.name.lower()}, not successful")
        answer = next((each for each in response.responses if _names(each, certificate)), None)
        if answer is None:
            raise Refused("foreign: it has no answer for this certificate")
        begin, end = answer.this_update_utc, answer.next_update_utc
    except certificates.FAULTS as error:
        raise Malformed(f"not one OCSP response in DER ({error})") from error
    if end is None:
        raise Refused("it names no nextUpdate, so nothing says how long it may be served")
    _check_time(begin, end, now)
    return OcspItem(der, end)


def _names(answer: ocsp.OCSPSingleResponse, certificate: x509.Certificate) -> bool:
    """Tell whether a CertID is this certificate's, as far as a server can tell: it need not have the issuer's key."""
    if answer.serial_number != certificate.serial_number:
        return False
    name = Hash(answer.hash_algorithm)
    name.update(certificate.issuer.public_bytes())
    return name.finalize() == answer.issuer_name_hash


def _check_time(begin: datetime, end: datetime, now: datetime) -> None:
    if end <= now:
        raise Refused(f"expired, its nextUpdate was {end:%Y-%m-%dT%H:%M:%SZ}")
    if begin > now + LIMITS.clock_skew:
        raise Refused(f"not yet valid, its thisUpdate is {begin:%Y-%m-%dT%H:%M:%SZ}", begin - LIMITS.clock_skew)
