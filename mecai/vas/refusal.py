"""How a VAS says no: one code of docs/spec R7, and what a person wants to know beside it.

Every room raises `Refusal` and knows nothing of HTTP; which status goes with a code, only `mecai.vas.http` knows.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from mecai.errors import MecaiError, VerificationError

LONGEST_DETAIL: Final = 500  # characters, of the document as of the log: details quote what strangers sent


class Code(StrEnum):
    """The codes of R7."""

    MALFORMED = "malformed"
    UNTRUSTED = "untrusted"
    REVOKED = "revoked"
    DISTRUSTED = "distrusted"
    DISPUTED = "disputed"
    ADDRESS_REFUSED = "address-refused"
    CERTIFICATE_MISMATCH = "certificate-mismatch"
    PERSPECTIVES_DISAGREE = "perspectives-disagree"
    TOO_LARGE = "too-large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    TOO_MANY_REQUESTS = "too-many-requests"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    HANDSHAKE_FAILED = "handshake-failed"
    STATUS_UNAVAILABLE = "status-unavailable"
    UNKNOWN_CERTIFICATE = "unknown-certificate"
    NOT_PROVED = "not-proved"


class Refusal(MecaiError):
    """No voucher: `code` of R7, `detail` for a person, `extra` facts for a program, and when to `retry`.

    `cause` is for the log alone: what a target, or the way to it, answered is nothing to tell whoever asks.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        extra: dict[str, Any] | None = None,
        retry: timedelta | None = None,
        cause: str = "",
    ) -> None:
        self.code = code
        self.cause = cause[:LONGEST_DETAIL]
        self.detail = detail if len(detail) <= LONGEST_DETAIL else f"{detail[: LONGEST_DETAIL - 3]}..."
        super().__init__(f"{code}: {self.detail}")
        self.extra = extra or {}
        self.retry = retry


# What the shared rules of `mecai.protocol` and `mecai.evidence` raise, in the words of R7.
_VERDICTS: Final = {
    "malformed": Code.MALFORMED,
    "revoked": Code.REVOKED,
    "status-missing": Code.STATUS_UNAVAILABLE,
    "status-stale": Code.STATUS_UNAVAILABLE,
}


def from_verdict(error: VerificationError) -> Refusal:
    """Say a verdict of the shared rules as a refusal; what R7 has no word for is `untrusted`."""
    return Refusal(_VERDICTS.get(error.reason, Code.UNTRUSTED), error.detail)
