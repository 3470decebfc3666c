# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V5: whether the Voucher Authority's own certificate is good, by the OCSP response inside its voucher."""

from datetime import datetime, timedelta

from tests.conformance.parts.der import integer, sequence
from tests.conformance.parts.signing import signer
from tests.conformance.parts.status import FRESH, ocsp, ocsp_error, single
from tests.conformance.registry import Situation, case
from tests.conformance.stage import BIRCH, CEDAR, GOOD, accepted, refused, voucher
from tests.pki import DAY, HOUR, NOW

SECOND = timedelta(seconds=1)


def _status(response: bytes, reason: str = "authority-status") -> Situation:
    """Refuse birch's voucher with this response about its own certificate."""
    return refused(reason, voucher(status=response))


@case("V5")
def v5_revoked() -> Situation:
    """The enclosed response says that birch's VA certificate is revoked."""
    return _status(ocsp(BIRCH.voucher, "revoked"), "authority-revoked")


@case("V5")
def v5_revoked_long_ago() -> Situation:
    """The response that says `revoked` ended a month ago. A revocation does not go stale."""
    return _status(ocsp(BIRCH.voucher, "revoked", (NOW - 32 * DAY, NOW - 30 * DAY)), "authority-revoked")


@case("V5", "E3")
def v5_unknown() -> Situation:
    """The responder does not know birch's VA certificate."""
    return _status(ocsp(BIRCH.voucher, "unknown"))


@case("V5", "O4")
def v5_no_response() -> Situation:
    """Somebody removed the response about the VA certificate; those of the chain are there. OpenSSL accepts it."""
    evidence = GOOD.responses[:2]
    return refused("authority-status", voucher(enclosed=evidence[:1], status=evidence[1]))


@case("V5")
def v5_about_another() -> Situation:
    """The response speaks of cedar's VA certificate, and cedar's root signed it."""
    return _status(ocsp(CEDAR.voucher))


@case("V5")
def v5_signed_by_another() -> Situation:
    """The response speaks of birch's VA certificate; cedar's root signed it, enclosed as its own responder."""
    return _status(ocsp(BIRCH.voucher, by=signer(CEDAR.root)))


@case("V5", "E3")
def v5_try_later() -> Situation:
    """The response is an error of the responder: tryLater."""
    return _status(ocsp_error())


@case(
    "V5", "I6", over={"pieces that end too soon": b"\x30\x05\x01", "an INTEGER of 00 01": integer(1)[:1] + b"\x02\0\1"}
)
def v5_response_of(inside: bytes) -> Situation:
    """The response is a SEQUENCE of {}. Section 12.5: what a response breaks has the code of its place."""
    return _status(sequence(inside))


@case("V5", "E3")
def v5_by_a_delegate() -> Situation:
    """A delegate signed, whose certificate birch's root issued with id-kp-OCSPSigning."""
    return accepted(voucher(status=ocsp(BIRCH.voucher, by=signer(BIRCH.responder(BIRCH.root)))))


_SECONDS_OF_STATUS = {
    "begins 300 s ahead": (NOW + 300 * SECOND, NOW + 2 * DAY),
    "ends in a second": (NOW - DAY, NOW + SECOND),
    "lasts 48 hours": FRESH,
}
_OUTSIDE_STATUS = {
    "begins 301 s ahead": (NOW + 301 * SECOND, NOW + 2 * DAY),
    "ends now": (NOW - DAY, NOW),
    "lasts a second longer than 48 hours": (FRESH[0], FRESH[0] + 48 * HOUR + SECOND),
    "names no end": (NOW - HOUR, None),
}


@case("V5", "O4", over=_SECONDS_OF_STATUS)
def v5_status(span: tuple[datetime, datetime]) -> Situation:
    """The authority's own status {}: still inside."""
    return accepted(voucher(status=ocsp(BIRCH.voucher, span=span)))


@case("V5", "O4", over=_OUTSIDE_STATUS)
def v5_status_that(span: tuple[datetime, datetime | None]) -> Situation:
    """The authority's own status {}. O4: at most 48 hours from thisUpdate to nextUpdate; V5: fresh."""
    return _status(ocsp(BIRCH.voucher, span=span))


@case("V5")
def v5_two_answers_one_revoked() -> Situation:
    """One response has two answers about birch's VA certificate: good, and revoked."""
    both = (single(BIRCH.voucher), single(BIRCH.voucher, "revoked"))
    return _status(ocsp(BIRCH.voucher, singles=both), "authority-revoked")
