# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""K7, 12.9: which code a certificate has whose key cannot be read, place by place; a server's own is `chain_keys`."""

from tests.conformance.cases.responses import missing
from tests.conformance.parts.certificates import reissued, reissued_der
from tests.conformance.parts.directories import PUBLISHER, Entry, content, entry, signed, text
from tests.conformance.parts.rsa import rsa_spki
from tests.conformance.parts.signing import signer
from tests.conformance.parts.status import ocsp
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    ENTRIES,
    SITE,
    accepted,
    directory_case,
    refused,
    voucher,
)
from tests.pki import Issued

_WITH_1 = {"subjectPublicKeyInfo": rsa_spki((1 << 2048) - 1, 1)}  # an exponent with which all would verify
_CEDAR_ROOT = text(reissued_der(CEDAR.root, body=_WITH_1))


def _unreadable_delegate(issuer: Issued) -> Issued:
    return reissued(ALDER.responder(issuer), body=_WITH_1)


@case("K7", "V1")
def k7_unreadable_authority() -> Situation:
    """The key of the authority's certificate in the voucher has an exponent of 1: the voucher is not read."""
    return refused("malformed", voucher(by=signer(reissued(BIRCH.voucher, body=_WITH_1))))


@case("K7", "D1")
def k7_unreadable_publisher() -> Situation:
    """The key of the publisher's certificate in the directory has an exponent of 1: no signer is looked for."""
    return directory_case(signed(content(*ENTRIES), signer(reissued(PUBLISHER, body=_WITH_1))), reason="malformed")


_MEMBERS: dict[str, Entry] = {
    "a root": entry(CEDAR, roots=[text(CEDAR.root.der), _CEDAR_ROOT]),
    "a root pinned for a VAS": entry(CEDAR, servers=[{"url": "https://vas.cedar.test", "roots": [_CEDAR_ROOT]}]),
    "a mail certificate": entry(CEDAR, mail={"sender": "va@cedar.test", "certificate": _CEDAR_ROOT}),
}


@case("K7", "D1", "D5", over=_MEMBERS)
def k7_unreadable_member(cedar: Entry) -> Situation:
    """Cedar's entry has {} whose key has an exponent of 1. D1: the whole directory is not taken."""
    return directory_case(signed(content(cedar)), reason="malformed")


@case("K7", "V11", "E3")
def k7_unreadable_delegate() -> Situation:
    """The response about the server is of a delegate whose key has an exponent of 1: it counts as missing."""
    return missing(by=signer(_unreadable_delegate(ALDER.issuing)))


@case("K7", "V5", "E3")
def k7_unreadable_delegate_of_a_root() -> Situation:
    """The response about birch's authority is of a delegate whose key has an exponent of 1."""
    delegate = signer(_unreadable_delegate(BIRCH.root))
    return refused("authority-status", voucher(status=ocsp(BIRCH.voucher, by=delegate)))


@case("K7", "E6", "E3")
def k7_unreadable_delegate_in_a_staple() -> Situation:
    """The staple says `revoked`, by a delegate whose key has an exponent of 1. E6: it says nothing."""
    return accepted(staple=ocsp(SITE, "revoked", by=signer(_unreadable_delegate(ALDER.issuing))))
