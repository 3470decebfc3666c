# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""E3, V5: who may sign an OCSP response in its issuer's place."""

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.cases.responses import good, missing
from tests.conformance.parts.certificates import (
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NO_CHECK,
    extension,
    reissued,
)
from tests.conformance.parts.der import (
    NULL,
    Fields,
    integer,
    sequence,
)
from tests.conformance.parts.names import UNKNOWN
from tests.conformance.parts.signing import signer
from tests.conformance.parts.status import ocsp
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    SITE,
    accepted,
    refused,
    voucher,
)
from tests.pki import DAY, NOW, Issued, issue, key, leaf_extensions

SECOND = timedelta(seconds=1)
_ISSUING = ALDER.issuing
_SPAN = (NOW - DAY, NOW + 30 * DAY)
_RESPONDER = issue(
    "responder", key("responder"), _ISSUING, leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING), span=_SPAN
)


_DELEGATES: dict[str, dict[str, Any]] = {
    "any purpose": {
        "extensions": {
            EXTENDED_KEY_USAGE: extension(
                EXTENDED_KEY_USAGE,
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]).public_bytes(),
            )
        }
    },
    "no purpose": {"extensions": {EXTENDED_KEY_USAGE: b""}},
    "no nocheck": {"extensions": {NO_CHECK: b""}},
    "an unknown critical extension": {"extensions": {UNKNOWN: extension(UNKNOWN, b"", critical=True)}},
    "a serial number of 22 octets": {"body": {"serialNumber": integer(1 << 170)}},
    "another issuer": {"body": {"issuer": ALDER.root.certificate.subject.public_bytes()}},
    "a signature of another": {"by": signer(ALDER.root)},
}


@case("V11", "E3", over=_DELEGATES)
def e3_delegate_with(changes: dict[str, Any]) -> Situation:
    """A delegate of the issuing CA signed, whose certificate has {} (RFC 6960 section 4.2.2.2)."""
    return missing(by=signer(reissued(_RESPONDER, **changes)))


_GOOD_DELEGATES: dict[str, Fields] = {
    "critical nocheck": {NO_CHECK: extension(NO_CHECK, NULL, critical=True)},
    "two purposes": {
        EXTENDED_KEY_USAGE: extension(
            EXTENDED_KEY_USAGE,
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING]).public_bytes(),
            critical=True,
        )
    },
    "no keyUsage": {KEY_USAGE: b""},
    "basicConstraints without CA": {BASIC_CONSTRAINTS: extension(BASIC_CONSTRAINTS, sequence(), critical=True)},
}


@case("V11", "E3", over=_GOOD_DELEGATES)
def e3_good_delegate_with(extensions: Fields) -> Situation:
    """A delegate of the issuing CA signed, whose certificate has {}. It is one."""
    return good(by=signer(reissued(_RESPONDER, extensions=extensions)))


def _delegate(span: tuple[datetime, datetime]) -> Issued:
    purposes = leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING)
    return issue("responder", key("responder"), _ISSUING, purposes, span=span)


@case("V11", "E3", over={"begins now": (NOW, NOW + DAY), "ends now": (NOW - DAY, NOW)})
def e3_delegate_that(span: tuple[datetime, datetime]) -> Situation:
    """The delegate's certificate {}; both ends are inside."""
    return good(by=signer(_delegate(span)))


@case("V11", "E3", over={"begins in a second": (NOW + SECOND, NOW + DAY)})
def e3_late_delegate_that(span: tuple[datetime, datetime]) -> Situation:
    """The delegate's certificate {}."""
    return missing(by=signer(_delegate(span)))


@case("V11", "E3", "V5")
def v5_delegate_expired() -> Situation:
    """A delegate of birch's root signed the authority's status; its certificate ended a second ago."""
    purposes = leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING)
    gone = issue("responder", key("responder"), BIRCH.root, purposes, span=(NOW - DAY, NOW - SECOND))
    return refused("authority-status", voucher(status=ocsp(BIRCH.voucher, by=signer(gone))))


@case("V11", "E3", "V5")
def v5_delegate_without_nocheck() -> Situation:
    """A delegate of birch's root signed the authority's status; nothing says that nobody need ask for its own."""
    delegate = issue(
        "responder", key("responder"), BIRCH.root, leaf_extensions(ExtendedKeyUsageOID.OCSP_SIGNING)[:2], span=_SPAN
    )
    return refused("authority-status", voucher(status=ocsp(BIRCH.voucher, by=signer(delegate))))


@case("E6", "E3")
def e6_staple_by_a_delegate_without_nocheck() -> Situation:
    """A delegate without nocheck says that the end entity is revoked. E6: a staple that is not valid says nothing."""
    delegate = reissued(_RESPONDER, extensions={NO_CHECK: b""})
    return accepted(staple=ocsp(SITE, "revoked", by=signer(delegate)))


@case("V11", "E3")
def e3_second_of_two_enclosed() -> Situation:
    """Two certificates are enclosed; the second is that of the delegate who signed."""
    return good(by=signer(_RESPONDER), enclosed=[ALDER.responder(_ISSUING), _RESPONDER])


@case("V11", "E3")
def e3_delegate_named_by_name() -> Situation:
    """A delegate signed, whom the response names by name."""
    return good(by=signer(_RESPONDER), by_name=True)
