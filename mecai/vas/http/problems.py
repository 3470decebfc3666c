"""Refusals as problem documents: the HTTP status and the title of each code of docs/spec R7.

`type` ends in the code, as R7 asks; a program compares `type`, a person reads `detail`.
"""

from http import HTTPStatus
from typing import Final

from mecai.service.web import ProblemDocument
from mecai.vas.refusal import Code, Refusal

# A tag URI (RFC 4151), for RFC 9457 section 4.2.1 lets types that lead nowhere be such.
_TYPE: Final = "tag:mecai.test,2026:problem/"

_ANSWERS: Final = {
    Code.MALFORMED: (HTTPStatus.BAD_REQUEST, "The request is malformed"),
    Code.UNTRUSTED: (HTTPStatus.FORBIDDEN, "The certificate does not chain to a trusted root of another owner"),
    Code.REVOKED: (HTTPStatus.FORBIDDEN, "A certificate of the chain is revoked"),
    Code.DISTRUSTED: (HTTPStatus.FORBIDDEN, "A certificate authority of the chain is distrusted"),
    Code.DISPUTED: (HTTPStatus.FORBIDDEN, "An objection to the certificate is not decided, or was upheld"),
    Code.ADDRESS_REFUSED: (HTTPStatus.FORBIDDEN, "This target is not probed"),
    Code.CERTIFICATE_MISMATCH: (HTTPStatus.CONFLICT, "Another certificate was seen"),
    Code.PERSPECTIVES_DISAGREE: (HTTPStatus.CONFLICT, "Other networks saw something else"),
    Code.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large"),
    Code.UNSUPPORTED_MEDIA_TYPE: (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The media type is not that of a voucher request",
    ),
    Code.TOO_MANY_REQUESTS: (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    Code.OVERLOADED: (HTTPStatus.SERVICE_UNAVAILABLE, "The server cannot vouch at the moment"),
    Code.UNREACHABLE: (HTTPStatus.BAD_GATEWAY, "The server could not be reached"),
    Code.HANDSHAKE_FAILED: (HTTPStatus.BAD_GATEWAY, "The TLS handshake failed"),
    Code.UNKNOWN_CERTIFICATE: (HTTPStatus.NOT_FOUND, "The log has no such certificate for that domain"),
    Code.NOT_PROVED: (HTTPStatus.FORBIDDEN, "The domain's owner is not known to be asking"),
    Code.STATUS_UNAVAILABLE: (HTTPStatus.BAD_GATEWAY, "The status of a certificate is not available"),
}


def problem(refusal: Refusal) -> ProblemDocument:
    """Return the document that says this refusal."""
    status, title = _ANSWERS[refusal.code]
    return ProblemDocument(status, title, f"{_TYPE}{refusal.code}", refusal.detail, refusal.extra, refusal.retry)
