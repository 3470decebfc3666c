"""The OCSP responder without HTTP: octets of a request in, octets of a response out (RFC 6960, RFC 5019, RFC 9654).

What it answers:
- several CertIDs in one request, or an unknown critical extension, or octets that are no request: `malformedRequest`
  (the library reads requests for one certificate, as RFC 5019 section 2.1.1 asks of clients);
- an issuer that is none of ours, or named by another hash than SHA-1 or SHA-256: `unauthorized`;
- status that cannot be read or is not complete, a delegate whose certificate is not valid: `tryLater`;
- a serial number that was never issued: `unknown`.

The issuer's own response, if the published one is young, goes to who sends no nonce; everything else is signed here by
a delegate (RFC 6960 section 4.2.2.2). This process holds no key of a CA.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPResponseStatus

from mecai.ca.repository.single_response import NAMING, IssuerId, SingleResponse
from mecai.ca.repository.status import PublishedStatus, StatusFolder
from mecai.ca.storage.records import Issuer
from mecai.errors import HostError
from mecai.protocol.pki.certificates import FAULTS
from mecai.protocol.pki.keys import PrivateKey
from mecai.protocol.pki.ocsp import build_ocsp_request, judge_ocsp

STEADY: Final = timedelta(minutes=5)  # answers without nonce stay the same as long: HTTP caches help, floods cost less
_NONCE_ECHOED: Final = 32  # octets, RFC 9654 section 2.1: longer ones may go without echo ...
_NONCE_LONGEST: Final = 128  # ... and beyond this, or empty, a request is refused
_SERIALS: Final = 1 << 160  # RFC 5280 section 4.1.2.2: positive, at most 20 octets
_KEPT: Final = 4096  # signed answers in memory
_FAULTS: Final = (*FAULTS, NotImplementedError)  # what the library raises; the last for several certificates

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Delegate:
    """Who signs responses for one issuer: a certificate that the issuer issued for OCSP signing, and its key."""

    role: Issuer
    issuer: x509.Certificate
    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True)
class OcspReply:
    """A DER OCSPResponse; `span` is thisUpdate and nextUpdate where an HTTP cache may keep it."""

    der: bytes
    span: tuple[datetime, datetime] | None = None


@dataclass(frozen=True)
class _StatusRequest:
    issuer: IssuerId
    serial: int
    nonce: bytes | None


class OcspResponder:
    """Answers for the issuers of its delegates, out of what they published."""

    def __init__(self, delegates: Sequence[Delegate], statuses: StatusFolder, validity: timedelta) -> None:
        self._delegates: Mapping[IssuerId, Delegate] = {
            IssuerId.of(delegate.issuer, algorithm): delegate for delegate in delegates for algorithm in NAMING.values()
        }
        self._statuses = statuses
        self._validity = validity
        self._sign = lru_cache(maxsize=_KEPT)(_sign)

    def reply(self, request: bytes, now: datetime) -> OcspReply:
        """Answer a DER OCSPRequest; never raises for what a stranger sent."""
        try:
            asked = _read(request)
        except UnsupportedAlgorithm:
            return _refusal(OCSPResponseStatus.UNAUTHORIZED)
        except _FAULTS:
            return _refusal(OCSPResponseStatus.MALFORMED_REQUEST)
        delegate = self._delegates.get(asked.issuer)
        if delegate is None:
            return _refusal(OCSPResponseStatus.UNAUTHORIZED)
        try:
            status = self._statuses.look_up(delegate.role, asked.serial)
            return self._issuers_reply(asked, status, now) or self._delegates_reply(asked, delegate, status, now)
        except HostError as error:
            LOG.error("no answer can be given", extra={"error": str(error)})  # noqa: TRY400 - no traceback needed
            return _refusal(OCSPResponseStatus.TRY_LATER)

    def check(self, now: datetime) -> None:
        """Ask about every delegate's own certificate and judge the answer as a client would.

        Raises `HostError` or `VerificationError`: a delegate's certificate out of its time or revoked, status
        that is unreadable or of another authority, a key that does not sign.
        """
        for delegate in dict.fromkeys(self._delegates.values()):
            asked = _read(build_ocsp_request(delegate.certificate, delegate.issuer))
            status = self._statuses.look_up(delegate.role, asked.serial)
            reply = self._delegates_reply(asked, delegate, status, now)
            judge_ocsp(reply.der, delegate.certificate, delegate.issuer, now)

    def _issuers_reply(self, asked: _StatusRequest, status: PublishedStatus, now: datetime) -> OcspReply | None:
        """Return the issuer's own response if it fits the request, has begun and has half of its life left."""
        response = status.response
        if asked.nonce is not None or response is None or IssuerId.named_in(response) != asked.issuer:
            return None
        start, end = response.this_update_utc, response.next_update_utc
        if end is None or not timedelta() <= now - start <= (end - start) / 2:
            return None
        return OcspReply(response.public_bytes(Encoding.DER), (start, end))

    def _delegates_reply(
        self, asked: _StatusRequest, delegate: Delegate, status: PublishedStatus, now: datetime
    ) -> OcspReply:
        """Sign with the delegate; raises `HostError` if its certificate is not valid now."""
        certificate = delegate.certificate
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
            end = certificate.not_valid_after_utc
            raise HostError(f"{certificate.subject.rfc4514_string()}: valid until {end}; issue it anew and restart")
        start = _steady(now)
        if status.revocation:
            start = min(max(start, status.revocation.time), now)
        end = min(start + self._validity, certificate.not_valid_after_utc)
        response = SingleResponse(asked.issuer, asked.serial, status.issued, status.revocation, start, end)
        der = (_sign if asked.nonce is not None else self._sign)(delegate, response, asked.nonce)
        return OcspReply(der, (start, end) if asked.nonce is None and status.issued else None)


def _sign(delegate: Delegate, response: SingleResponse, nonce: bytes | None) -> bytes:
    return response.sign(delegate.key, delegate.certificate, delegated=True, nonce=nonce)


def _read(der: bytes) -> _StatusRequest:
    """Read a request; raises what is in `_FAULTS`, `UnsupportedAlgorithm` for a hash that names no issuer here."""
    request = ocsp.load_der_ocsp_request(der)
    if not 0 < request.serial_number < _SERIALS:
        raise ValueError(f"serial number {request.serial_number}")
    return _StatusRequest(IssuerId.named_in(request), request.serial_number, _nonce(request.extensions))


def _nonce(extensions: x509.Extensions) -> bytes | None:
    """Return the nonce to echo, if there is one; raises `ValueError` for one that may not be, and for the unknown."""
    nonce = b""
    for extension in extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            nonce = extension.value.nonce
            if not 1 <= len(nonce) <= _NONCE_LONGEST:
                raise ValueError(f"nonce of {len(nonce)} octets")
        elif extension.critical:
            raise ValueError(f"unknown critical extension {extension.oid.dotted_string}")
    return nonce if 1 <= len(nonce) <= _NONCE_ECHOED else None


def _refusal(status: OCSPResponseStatus) -> OcspReply:
    return OcspReply(ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER))


def _steady(now: datetime) -> datetime:
    """Round down to a multiple of `STEADY`."""
    seconds = int(STEADY.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
