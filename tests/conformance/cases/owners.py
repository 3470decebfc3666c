# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V6: nobody vouches for his own house, by whatever certificates the house is joined to another."""

from datetime import timedelta

from tests.conformance.parts.directories import content, distrust, entry, signed, spki_hash
from tests.conformance.parts.status import ocsp
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, CEDAR, DOGWOOD, ENTRIES, HOST, SITE, accepted, listing, of, refused
from tests.pki import DAY, NOW, Hierarchy, Issued, ca_extensions, issue, key

SECOND = timedelta(seconds=1)
_SPAN = (NOW - DAY, NOW + 1825 * DAY)
_OTHER_ENTRIES = tuple(item for item in ENTRIES if item["name"] != "birch")


def _cross_signed(authority: Issued, by: Hierarchy) -> Issued:
    """Return a certificate of a CA's name and key, issued by another CA's root."""
    name = authority.certificate.subject.rfc4514_string().removeprefix("CN=")
    return issue(name, authority.key, by.root, ca_extensions(authority.key, None), span=_SPAN)


def _under(site: Issued, *issuers: Issued) -> Issued:
    """Return the same end entity, presented with these certificates above it."""
    above = issuers[-1]
    for lower in reversed(issuers[:-1]):
        above = Issued(lower.certificate, lower.key, above)
    return Issued(site.certificate, site.key, above)


# The server's chain, as alder's root was cross-signed by cedar's, and as alder's issuing CA was.
_BY_CROSSED_ROOT = _under(SITE, ALDER.issuing, _cross_signed(ALDER.root, CEDAR))
_BY_CROSSED_CA = _under(SITE, _cross_signed(ALDER.issuing, CEDAR))
_EVERYBODY = (ALDER, BIRCH, CEDAR, DOGWOOD)


@case("V6")
def v6_the_issuers_own() -> Situation:
    """The client happened to name alder, who issued the server's certificate; alder vouches for it.

        alder root -- alder issuing CA -- server         voucher signed by: alder VA

    Who controls alder controls both. V6: the authority must be of another owner.
    """
    return refused("self-endorsed", of(ALDER), candidates=(ALDER, BIRCH, CEDAR))


@case("V6")
def v6_one_owner() -> Situation:
    """Birch is another CA than alder, and both belong to the owner group `alder`."""
    directory = signed(content(*_OTHER_ENTRIES, entry(BIRCH, ownerGroup="alder")))
    return refused("self-endorsed", directory=directory)


@case("V6", "D5")
def v6_key_of_two_owners() -> Situation:
    """Birch's entry lists alder's issuing CA among its subordinates too: the key has two owners."""
    keys = [spki_hash(BIRCH.issuing), spki_hash(ALDER.issuing)]
    directory = signed(content(*_OTHER_ENTRIES, entry(BIRCH, subordinates=keys)))
    return refused("self-endorsed", directory=directory)


@case("V6")
def v6_root_crossed_by_the_voucher() -> Situation:
    r"""Cedar's root cross-signed alder's, the server presents the cross-certificate, and cedar vouches.

        server -- alder issuing CA -- alder root
                                   \- alder root, issued by cedar root

    V6: cedar's root is a directory root that the chain reaches.
    """
    return refused("self-endorsed", of(CEDAR, _BY_CROSSED_ROOT), chain=_BY_CROSSED_ROOT.chain_der)


@case("V6")
def v6_root_crossed_by_another() -> Situation:
    """The same chain; birch vouches, who has nothing to do with alder or cedar."""
    return accepted(of(BIRCH, _BY_CROSSED_ROOT), chain=_BY_CROSSED_ROOT.chain_der)


@case("V6")
def v6_cross_certificate_not_presented() -> Situation:
    """Cedar's root cross-signed alder's some day, but no such certificate is in the chain: cedar may vouch."""
    return accepted(of(CEDAR))


@case("V6", over={"the signer": CEDAR, "the key's owner": ALDER})
def v6_issuing_ca_crossed(voucher_of: Hierarchy) -> Situation:
    """The server presents alder's issuing CA under a cross-certificate of cedar's root; the voucher is of {}.

        server -- alder issuing CA, issued by cedar root

    The key belongs to alder, the root that the chain reaches to cedar: neither may vouch.
    """
    made = of(voucher_of, _BY_CROSSED_CA)
    return refused("self-endorsed", made, chain=_BY_CROSSED_CA.chain_der, candidates=_EVERYBODY)


@case("V6")
def v6_issuing_ca_crossed_and_another() -> Situation:
    """The server presents alder's issuing CA under a cross-certificate of cedar's root; birch vouches."""
    return accepted(of(BIRCH, _BY_CROSSED_CA), chain=_BY_CROSSED_CA.chain_der)


_ELSEWHERE = ALDER.subordinate("CA at birch", BIRCH.root)
_AT_BIRCH = ALDER.server(HOST, parent=_ELSEWHERE)


@case("V6", "D5", over={"his own": ALDER, "the root's owner": BIRCH})
def v6_ca_under_another_owners_root(voucher_of: Hierarchy) -> Situation:
    """Alder operates a CA under birch's root, and lists its key with him (D5); the voucher is of {}.

        birch root -- alder CA at birch -- server

    The key belongs to alder, the root to birch: alder alone would otherwise make a certificate and vouch for it.
    """
    listed = {"directory": listing(_ELSEWHERE.key), "candidates": _EVERYBODY}
    return refused("self-endorsed", of(voucher_of, _AT_BIRCH), chain=_AT_BIRCH.chain_der, **listed)


@case("V6", "D5")
def v6_ca_under_another_owners_root_and_another() -> Situation:
    """The same CA and server; cedar vouches, who has nothing to do with alder or birch."""
    return accepted(of(CEDAR, _AT_BIRCH), chain=_AT_BIRCH.chain_der, directory=listing(_ELSEWHERE.key))


@case("C4", "V6", "D5", over={"the root's owner": BIRCH, "another": CEDAR})
def c4_key_that_nobody_lists(voucher_of: Hierarchy) -> Situation:
    """The same CA, whose key no entry lists: nobody knows whose it is, and who is another; the voucher is of {}."""
    return refused("untrusted", of(voucher_of, _AT_BIRCH), chain=_AT_BIRCH.chain_der)


@case("C4", "V6", "D5")
def c4_upper_key_that_nobody_lists() -> Situation:
    """Alder's root certified a CA that no entry lists, and that one the issuing CA, whose key is listed."""
    unlisted = ALDER.subordinate("unlisted CA", ALDER.root, None)
    site = ALDER.server(HOST, parent=ALDER.subordinate("issuing CA", unlisted))
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der)


@case("C4", "V6", "D5")
def c4_key_that_nobody_lists_beside_the_path() -> Situation:
    """The server presents a CA besides that no entry lists; its path does not need it."""
    return accepted(chain=(*SITE.chain_der, ALDER.subordinate("unlisted CA", ALDER.root).der))


@case("C4", "V6", "D5")
def c4_key_that_is_listed_elsewhere() -> Situation:
    """Alder's issuing CA is in nobody's entry but cedar's, who bought it: birch vouches for its server."""
    sold = entry(ALDER, subordinates=[])
    bought = entry(CEDAR, subordinates=[spki_hash(ALDER.issuing)])
    return accepted(directory=signed(content(sold, ENTRIES[1], bought, ENTRIES[3])))


@case("C4", "V6", "D7")
def c4_key_that_is_distrusted_and_not_listed() -> Situation:
    """A CA that nobody lists, and that the publisher distrusts by name of its key: that goes before."""
    directory = signed(content(*ENTRIES, distrust=[distrust(_ELSEWHERE, NOW - DAY)]))
    return refused("distrusted", of(CEDAR, _AT_BIRCH), chain=_AT_BIRCH.chain_der, directory=directory)


@case("C4", "V6", "E6")
def c4_key_that_is_not_listed_and_revoked() -> Situation:
    """A CA that nobody lists; the staple calls the server's certificate revoked: that comes after."""
    gone = ocsp(_AT_BIRCH, "revoked")
    return refused("untrusted", of(CEDAR, _AT_BIRCH), chain=_AT_BIRCH.chain_der, staple=gone)


@case("V6")
def v6_beside_the_path() -> Situation:
    """The server presents birch's issuing CA too, which its path does not need. V6 looks at the presented chain."""
    return refused("self-endorsed", chain=(*SITE.chain_der, BIRCH.issuing.der))


@case("V6")
def v6_stranger_of_that_name() -> Situation:
    """The server presents a certificate that names birch's root as its issuer, which did not sign it: anybody can.

    V6 asks which roots a certificate reaches, not which it names; birch may vouch.
    """
    false = issue("birch root", key("false"), None, ca_extensions(key("false"), None), span=_SPAN)
    stranger = issue("stranger", key("stranger"), false, ca_extensions(key("stranger"), None), span=_SPAN)
    return accepted(chain=(*SITE.chain_der, stranger.der))


@case("V6")
def v6_owner_of_the_last_entry() -> Situation:
    """Dogwood, the last entry, lists the issuing CA's key besides, and vouches."""
    listed = {**ENTRIES[3], "subordinates": [spki_hash(ALDER.issuing)]}
    return refused("self-endorsed", of(DOGWOOD), directory=signed(content(*ENTRIES[:3], listed)))
