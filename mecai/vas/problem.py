"""Problem documents (RFC 9457): how a VAS says no.

Each refusal of docs/spec R7 has one code here, with its HTTP status. `type` ends in the code, as R7 asks; a program
compares `type`, a person reads `detail`. The other modules raise `Problem` and know nothing of HTTP.
"""

import math
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from mecai.errors import VerificationError

MEDIA_TYPE: Final = "application/problem+json"
LONGEST_DETAIL: Final = 500  # characters, of the document as of the log: details quote what strangers sent
# A tag URI (RFC 4151), for RFC 9457 section 4.2.1 lets types that lead nowhere be such.
_TYPE: Final = "tag:mecai.test,2026:problem/"


class Code(Enum):
    """The codes of R7: code, HTTP status, title."""

    MALFORMED = ("malformed", 400, "The request is malformed")
    UNTRUSTED = ("untrusted", 403, "The certificate does not chain to a trusted root of another owner")
    REVOKED = ("revoked", 403, "A certificate of the chain is revoked")
    DISTRUSTED = ("distrusted", 403, "A certificate authority of the chain is distrusted")
    ADDRESS_REFUSED = ("address-refused", 403, "This target is not probed")
    CERTIFICATE_MISMATCH = ("certificate-mismatch", 409, "Another certificate was seen")
    TOO_LARGE = ("too-large", 413, "The request is too large")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "The media type is not that of a voucher request")
    TOO_MANY_REQUESTS = ("too-many-requests", 429, "Too many requests")
    OVERLOADED = ("overloaded", 503, "The server cannot vouch at the moment")
    UNREACHABLE = ("unreachable", 502, "The server could not be reached")
    HANDSHAKE_FAILED = ("handshake-failed", 502, "The TLS handshake failed")
    STATUS_UNAVAILABLE = ("status-unavailable", 502, "The status of a certificate is not available")

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.status = status
        self.title = title


class Problem(Exception):
    """A refusal: `code` of R7, `detail` for a person, `extra` members of the document, when to `retry`."""

    def __init__(
        self, code: Code, detail: str, *, extra: dict[str, Any] | None = None, retry: timedelta | None = None
    ) -> None:
        self.code = code
        self.detail = detail if len(detail) <= LONGEST_DETAIL else f"{detail[: LONGEST_DETAIL - 3]}..."
        super().__init__(f"{code.code}: {self.detail}")
        self.extra = extra or {}
        self.retry = retry

    def document(self) -> dict[str, Any]:
        """Return the members of the problem document."""
        return {
            "type": f"{_TYPE}{self.code.code}",
            "title": self.code.title,
            "status": self.code.status,
            "detail": self.detail,
            **self.extra,
        }

    def headers(self) -> dict[str, str]:
        """Return the header fields that go with the document."""
        return {} if self.retry is None else retry_after(self.retry)


def retry_after(pause: timedelta) -> dict[str, str]:
    """Return `Retry-After` (RFC 9110 section 10.2.3) in whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(pause.total_seconds())))}


# What the shared rules of `mecai.protocol` and `mecai.evidence` raise, in the words of R7.
_VERDICTS: Final = {
    "malformed": Code.MALFORMED,
    "revoked": Code.REVOKED,
    "status-missing": Code.STATUS_UNAVAILABLE,
    "status-stale": Code.STATUS_UNAVAILABLE,
}


def from_verdict(error: VerificationError) -> Problem:
    """Say a verdict of the shared rules as a problem; what R7 has no word for is `untrusted`."""
    return Problem(_VERDICTS.get(error.reason, Code.UNTRUSTED), error.detail)
