# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C1 to C4: whether there are vouchers, enough of them, which reason is reported, and ordinary chain validation."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.conformance.parts.der import octets, time
from tests.conformance.parts.directories import content, distrust, entry, moment, publisher, signed, text
from tests.conformance.parts.rsa import rsa_key
from tests.conformance.parts.signed_data import Changes
from tests.conformance.parts.signing import signer
from tests.conformance.parts.voucher import BEGIN, Voucher, addresses, contexts
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    DOGWOOD,
    ENTRIES,
    GOOD,
    HOST,
    SITE,
    accepted,
    of,
    refused,
    voucher,
    without_voucher,
)
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued, Key, issue, key, leaf_extensions

SECOND = timedelta(seconds=1)
_OF_CEDAR, _OF_DOGWOOD = of(CEDAR), of(DOGWOOD)


def _elsewhere(authority: Hierarchy) -> Voucher:
    """Return a voucher that fails by V9."""
    return of(authority, info={"addresses": addresses("198.18.0.66")})


def _foreign(authority: Hierarchy) -> Voucher:
    """Return a voucher that fails by V10."""
    return of(authority, info={"trustContexts": contexts("GOO")})


@case("C1")
def c1_no_voucher() -> Situation:
    """The server knows nothing of vouchers, or somebody stripped the extension. The chain is good."""
    return without_voucher("no-voucher")


@case("C1", "C2")
def c1_no_voucher_of_two() -> Situation:
    """Two vouchers are wanted and none came: the reason is still that there is none."""
    return without_voucher("no-voucher", quorum=2)


@case("C2")
def c2_two_of_two() -> Situation:
    """Two vouchers are wanted; birch and dogwood vouch."""
    return accepted(GOOD, _OF_DOGWOOD, quorum=2)


@case("C2")
def c2_more_than_wanted() -> Situation:
    """One voucher is wanted, and all three candidates vouch."""
    return accepted(GOOD, _OF_CEDAR, _OF_DOGWOOD)


@case("C2", "C3")
def c2_one_of_two() -> Situation:
    """Two vouchers are wanted; birch vouches."""
    return refused("quorum", quorum=2)


@case("C2")
def c2_one_twice() -> Situation:
    """Two vouchers are wanted; the server sends birch's twice."""
    return refused("quorum", GOOD, GOOD, quorum=2)


@case("C2")
def c2_two_of_one_authority() -> Situation:
    """Two vouchers are wanted; the server sends two different ones of birch."""
    other = voucher(info={"addresses": addresses("198.18.0.10", "198.18.0.11")})
    return refused("quorum", GOOD, other, quorum=2)


@case("C2")
def c2_two_of_one_owner() -> Situation:
    """Two vouchers are wanted; birch and cedar vouch, who belong to one owner group. C2: distinct owner groups."""
    entries = (ENTRIES[0], entry(BIRCH, ownerGroup="woods"), entry(CEDAR, ownerGroup="woods"), ENTRIES[3])
    return refused("quorum", GOOD, _OF_CEDAR, quorum=2, directory=signed(content(*entries)))


@case("C2", "C3")
def c2_two_of_which_one_fails() -> Situation:
    """Two vouchers are wanted; birch's is good and cedar's is for another address. C3: the reason is `quorum`."""
    return refused("quorum", _elsewhere(CEDAR), GOOD, quorum=2)


@case("C2")
def c2_three_of_which_one_fails() -> Situation:
    """Two vouchers are wanted; three came, and cedar's is for another address."""
    bad = _elsewhere(CEDAR)
    return accepted(GOOD, bad, _OF_DOGWOOD, passing=[GOOD, _OF_DOGWOOD], quorum=2)


@case("C3")
def c3_bad_before_good() -> Situation:
    """Octets that are no voucher, one for another address and one of another context come before dogwood's good one."""
    return accepted(b"\0", _elsewhere(BIRCH), _foreign(CEDAR), _OF_DOGWOOD, passing=[_OF_DOGWOOD])


@case("C3")
def c3_bad_and_good_of_one_authority() -> Situation:
    """The server has two addresses and sends birch's voucher for each: one fits this connection."""
    return accepted(_elsewhere(BIRCH), GOOD, passing=[GOOD])


_ORDERS = {"birch first": (BIRCH, CEDAR, DOGWOOD), "cedar first": (CEDAR, BIRCH, DOGWOOD)}


@case("C3", "V9", "V10", over=_ORDERS)
def c3_first_failing_candidate(candidates: tuple[Hierarchy, ...]) -> Situation:
    """Cedar's voucher (another context) comes before birch's (another address); the client's order is {}.

    C3: the reported reason is that of the first failing candidate in the client's order, not in the server's.
    """
    reason = "address-mismatch" if candidates[0] is BIRCH else "context-missing"
    return refused(reason, _foreign(CEDAR), _elsewhere(BIRCH), candidates=candidates)


@case("C3", "V2", "V9")
def c3_candidates_before_strangers() -> Situation:
    """Nothing that parses, an authority that nobody asked for, and birch for another address: birch's counts."""
    shown = (b"\0", _OF_CEDAR, _elsewhere(BIRCH))
    return refused("address-mismatch", *shown, candidates=(DOGWOOD, BIRCH))


@case("C4")
def c4_another_name() -> Situation:
    """The client went to mail.example.test; the certificate, duly vouched for, is that of www.example.test."""
    return refused("untrusted", server_name="mail.example.test")


def _presented(site: Issued) -> Situation:
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der)


@case("C4")
def c4_unknown_root() -> Situation:
    """The chain ends at a root that the directory does not list; birch vouches for it all the same."""
    return _presented(Hierarchy("elm").server(HOST))


@case("C4")
def c4_self_signed() -> Situation:
    """The end entity is self-signed."""
    extensions = leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST])
    site = issue(HOST, key(HOST), None, extensions, span=(NOW - DAY, NOW + DAY))
    return refused("untrusted", chain=[site.der])


@case("C4")
def c4_itself_a_root() -> Situation:
    """The end entity is self-signed, and alder's entry lists it among the roots. C4: somebody has to have issued it."""
    extensions = leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST])
    site = issue(HOST, key(HOST), None, extensions, span=(NOW - DAY, NOW + DAY))
    listed = entry(ALDER, roots=[text(ALDER.root.der), text(site.der)])
    return refused("untrusted", chain=[site.der], directory=signed(content(listed, *ENTRIES[1:])))


@case("C4")
def c4_intermediate_left_out() -> Situation:
    """The server sends its end entity only."""
    return refused("untrusted", chain=[SITE.der])


@case("C4")
def c4_no_certificate_at_all() -> Situation:
    """The first certificate of the chain is no certificate."""
    return refused("untrusted", chain=(b"\x30\0", *SITE.chain_der[1:]))


@case("C4")
def c4_purpose_of_clients() -> Situation:
    """The end entity is for TLS clients by its extended key usage."""
    extensions = leaf_extensions(ExtendedKeyUsageOID.CLIENT_AUTH, [HOST])
    return _presented(issue(HOST, key(HOST), ALDER.issuing, extensions, span=(NOW - DAY, NOW + DAY)))


def _valid(span: tuple[datetime, datetime]) -> Issued:
    extensions = leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH, [HOST])
    return issue(HOST, key(HOST), ALDER.issuing, extensions, span=span)


@case("C4", over={"begins now": (NOW, NOW + DAY), "ends now": (NOW - DAY, NOW)})
def c4_validity(span: tuple[datetime, datetime]) -> Situation:
    """The end entity's validity {}; both ends are inside it (RFC 5280 section 4.1.2.5)."""
    site = _valid(span)
    return accepted(of(BIRCH, site), chain=site.chain_der)


@case("C4", over={"begins in a second": (NOW + SECOND, NOW + DAY), "ended a second ago": (NOW - DAY, NOW - SECOND)})
def c4_validity_that(span: tuple[datetime, datetime]) -> Situation:
    """The end entity's validity {}."""
    return _presented(_valid(span))


_WEB = {"P-384": key(HOST, ec.SECP384R1), "P-521": key(HOST, ec.SECP521R1), "RSA of 2048 bits": rsa_key(2048)}
_WEAK = {"RSA of 1024 bits": rsa_key(1024), "RSA of 2047 bits": rsa_key(2047), "secp256k1": key(HOST, ec.SECP256K1)}


@case("K7", "C4", over=_WEB)
def k7_server_key(server_key: Key) -> Situation:
    """The end entity has a key of {}, as the Baseline Requirements allow."""
    site = ALDER.server(HOST, server_key=server_key)
    return accepted(of(BIRCH, site), chain=site.chain_der)


@case("K7", "C4", over=_WEAK)
def k7_weak_server_key(server_key: Key) -> Situation:
    """The end entity has a key of {}. K7: nobody vouches for such a server, and no client goes there."""
    return _presented(ALDER.server(HOST, server_key=server_key))


@case("C4", over={"wildcard": "*.example.test", "address": "198.18.0.10"})
def c4_name(name: str) -> Situation:
    """The certificate names its server by {}, and the client asks for that."""
    site = ALDER.server(name)
    return accepted(of(BIRCH, site), chain=site.chain_der, server_name=name.replace("*", "www"))


@case("C4", "D7", over={"root": ALDER.root, "issuing CA": ALDER.issuing})
def c4_distrusted(authority: Issued) -> Situation:
    """The directory distrusts alder's {} since yesterday; birch's voucher is from before."""
    directory = signed(content(*ENTRIES, distrust=[distrust(authority, NOW - DAY)]))
    return refused("distrusted", directory=directory)


@case("C4", "D7")
def c4_distrusted_from_now() -> Situation:
    """The directory distrusts alder's issuing CA from this very second."""
    return refused("distrusted", directory=signed(content(*ENTRIES, distrust=[distrust(ALDER.issuing, NOW)])))


@case("C4", "D7")
def c4_distrusted_from_the_next_second() -> Situation:
    """The directory distrusts alder's issuing CA from the next second on."""
    return accepted(directory=signed(content(*ENTRIES, distrust=[distrust(ALDER.issuing, NOW + SECOND)])))


@case("C4", "D7")
def c4_another_distrusted() -> Situation:
    """The directory distrusts cedar, whom neither the chain nor the voucher needs."""
    return accepted(directory=signed(content(*ENTRIES, distrust=[distrust(CEDAR.root, NOW - DAY)])))


_LONG = {"nextUpdate": time(BEGIN + 72 * HOUR)}


@case("C5")
def c5_kept_for_a_day() -> Situation:
    """The client named a voucher that it had kept since yesterday; the server answered with an empty list.

    T6: use what you have. Everything in it still holds.
    """
    return accepted(voucher(info=_LONG), now=NOW + DAY)


@case("C5", "V5")
def c5_kept_too_long() -> Situation:
    """The client named a voucher that it had kept, and the server answered with an empty list: use what you have.

    C5: it passes every rule anew. 71 hours have gone by, and the enclosed status of the authority ended before it did.
    """
    return refused("authority-status", voucher(info=_LONG), now=NOW + 71 * HOUR)


@case("D4")
def d4_expired() -> Situation:
    """The client's directory expired a second ago. D4: no connection without a valid one."""
    directory = content(*ENTRIES, issued=moment(NOW - 7 * DAY), expires=moment(NOW))
    return refused("directory-expired", directory=signed(directory))


@case("D2")
def d2_of_a_stranger() -> Situation:
    """Somebody else than the pinned publisher signed the client's directory."""
    return refused("directory-untrusted", directory=signed(content(*ENTRIES), signer(publisher("stranger"))))


@case("V4", "C3")
def c3_forged_after_good() -> Situation:
    """Birch's voucher is good; one in cedar's name has a signature of zeros."""
    forged = of(CEDAR, changes=Changes(signer_info={"signature": octets(bytes(70))}))
    return accepted(GOOD, forged, passing=[GOOD])
