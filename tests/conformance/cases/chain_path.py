# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""C4, V8, D5, D7: which of the certificates that are shown make a path, how long it is, and where it ends."""

from collections.abc import Mapping
from typing import Any

from tests.conformance.parts.certificates import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    extension,
    reissued,
    reissued_der,
    until,
    usage,
    utc,
)
from tests.conformance.parts.der import (
    Fields,
    integer,
    sequence,
)
from tests.conformance.parts.directories import content, distrust, entry, signed, spki_hash, text
from tests.conformance.parts.signing import signer
from tests.conformance.registry import Situation, case
from tests.conformance.stage import (
    ALDER,
    BIRCH,
    CEDAR,
    ENTRIES,
    HOST,
    SITE,
    accepted,
    listing,
    of,
    refused,
    taken,
)
from tests.pki import DAY, NOW, Hierarchy, Issued, ca_extensions, issue, key

_ISSUING, _ROOT = ALDER.issuing, ALDER.root
_SPAN = (NOW - DAY, NOW + 1825 * DAY)
_ELM = Hierarchy("elm")


def _lower(length: int | None, *, path_length: int | None = 0) -> Issued:
    """Return a site whose CA stands under another, which allows so many below it."""
    return ALDER.server(
        HOST, parent=ALDER.subordinate("lower CA", ALDER.subordinate("upper CA", _ROOT, length), path_length)
    )


@case("C4", over={"0": 0, "1": 1, "none": None})
def c4_path_length(length: int | None) -> Situation:
    """Alder root -- upper CA, path length {} -- lower CA -- server."""
    site = _lower(length)
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der) if length == 0 else taken(site)


@case("C4")
def c4_path_length_of_three() -> Situation:
    """Alder root -- top CA, path length 1 -- upper CA -- lower CA -- server: two CAs stand below the top one."""
    top = ALDER.subordinate("top CA", _ROOT, 1)
    site = ALDER.server(HOST, parent=ALDER.subordinate("lower CA", ALDER.subordinate("upper CA", top, None)))
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der)


@case("C4")
def c4_path_length_and_a_new_key() -> Situation:
    """The issuing CA, path length 0, certified its own new key.

        alder root -- issuing CA, path length 0 -- issuing CA, new key -- server

    C4: every CA counts, a self-issued one too, which RFC 5280 section 4.2.1.9 would leave out.
    """
    new = key("alder issuing CA, new")
    anew = issue("alder issuing CA", new, _ISSUING, ca_extensions(new, 0), span=_SPAN)
    site = ALDER.server(HOST, parent=anew)
    return refused("untrusted", of(BIRCH, site), chain=site.chain_der, directory=listing(new))


def _deep(count: int) -> Issued:
    """Return a site with this many intermediates."""
    above = _ROOT
    for number in range(count):
        above = ALDER.subordinate(f"CA {number}", above, None)
    return ALDER.server(HOST, parent=above)


@case("C4", "O9")
def c4_eight_intermediates() -> Situation:
    """Eight CAs stand between root and server, the most that a voucher can name."""
    return taken(_deep(8))


@case("C4", "O9")
def c4_nine_intermediates() -> Situation:
    """Nine CAs stand between root and server. Nobody could vouch for all of them: `untrusted`."""
    return refused("untrusted", chain=_deep(9).chain_der)


@case("C4", over={"ten": 8, "eleven": 9})
def c4_certificates(strangers: int) -> Situation:
    """The server presents {} certificates, of which its path needs two. C4: ten at most."""
    chain = (*SITE.chain_der, *[CEDAR.root.der] * strangers)
    return accepted(chain=chain) if strangers == 8 else refused("untrusted", chain=chain)


@case("C4", "V8")
def c4_any_order() -> Situation:
    """Alder root -- upper CA -- lower CA -- server; upper comes before lower, and a stranger's root before both."""
    site = _lower(None)
    first, *others = site.chain_der
    return taken(site, chain=(first, CEDAR.root.der, *reversed(others)))


@case("C4", "V8")
def c4_cross_sign_unneeded() -> Situation:
    """Cedar cross-signed alder's root; the server presents that too, and birch's voucher does not name it.

    Roots of the directory are tried before what was presented: the path ends at alder's root itself.
    """
    return accepted(chain=(*SITE.chain_der, CEDAR.cross_sign(ALDER).der))


@case("C4", "V8")
def c4_cross_sign_needed() -> Situation:
    """The directory has alder's keys without its root: the path goes over cedar's certificate, for vouchers to name."""
    keys = [spki_hash(CEDAR.issuing), spki_hash(_ROOT), spki_hash(_ISSUING)]
    directory = signed(content(ENTRIES[1], entry(CEDAR, subordinates=keys), ENTRIES[3]))
    chain = (*SITE.chain_der, CEDAR.cross_sign(ALDER).der)
    return refused("intermediates-mismatch", chain=chain, directory=directory)


@case("C4", "V8")
def c4_first_of_two() -> Situation:
    """The server presents two good certificates of its issuing CA; the voucher names the first, tried first."""
    anew = reissued(_ISSUING, body={"serialNumber": integer(4711)})
    return accepted(chain=(*SITE.chain_der, anew.der))


@case("C4", "V8")
def c4_a_way_that_ends_nowhere() -> Situation:
    """The first certificate of the issuing CA was issued by a root that nobody lists, the second by alder's."""
    elsewhere = reissued(_ISSUING, body={"issuer": _ELM.root.certificate.subject.public_bytes()}, by=signer(_ELM.root))
    return accepted(chain=(SITE.der, elsewhere.der, _ISSUING.der))


@case("C4", "V8")
def c4_a_way_that_expired() -> Situation:
    """The first certificate of the issuing CA expired yesterday, the second is good."""
    expired = reissued(_ISSUING, body=until(NOW - 30 * DAY, NOW - DAY))
    return accepted(chain=(SITE.der, expired.der, _ISSUING.der))


@case("C4", "D5")
def c4_second_root_of_an_entry() -> Situation:
    """Alder's entry lists a root of another kind first; the chain leads to the second."""
    listed = entry(ALDER, roots=[text(_ELM.root.der), text(_ROOT.der)])
    return accepted(directory=signed(content(listed, *ENTRIES[1:])))


@case("C4", "O9", "V8")
def c4_issued_by_the_root() -> Situation:
    """The root itself issued the server's certificate: a voucher names no intermediate."""
    return taken(ALDER.server(HOST, parent=_ROOT))


_WRONG_ROOTS: dict[str, Any] = {
    "expired": {"body": until(NOW - 30 * DAY, NOW - DAY)},
    "no CA": {"extensions": {BASIC_CONSTRAINTS: b""}},
    "without keyCertSign": {"extensions": {KEY_USAGE: extension(KEY_USAGE, usage("crl_sign"), critical=True)}},
}


@case("C4", "D5", over=_WRONG_ROOTS)
def c4_root(changes: Mapping[str, Fields]) -> Situation:
    """The root that alder's entry lists is {}: nothing validates under it."""
    listed = entry(ALDER, roots=[text(reissued_der(_ROOT, **changes))])
    return refused("untrusted", directory=signed(content(listed, *ENTRIES[1:])))


@case("C4")
def c4_root_of_the_last_century() -> Situation:
    """Alder's root is valid since 1999: two digits from 50 on are of that century (RFC 5280 section 4.1.2.5.1)."""
    old = reissued_der(_ROOT, body={"validity": sequence(utc("990101000000Z"), utc("360101000000Z"))})
    return accepted(directory=signed(content(entry(ALDER, roots=[text(old)]), *ENTRIES[1:])))


@case("C4", "D7")
def c4_distrusted_stranger() -> Situation:
    """The server presents cedar's issuing CA too, which the directory distrusts; its path does not go there."""
    directory = signed(content(*ENTRIES, distrust=[distrust(CEDAR.issuing, NOW - DAY)]))
    return accepted(directory=directory, chain=(*SITE.chain_der, CEDAR.issuing.der))


@case("C4", "D7")
def c4_second_distrust_entry() -> Situation:
    """The directory distrusts cedar, and alder's issuing CA besides."""
    entries = [distrust(CEDAR.root, NOW - DAY), distrust(_ISSUING, NOW - DAY)]
    return refused("distrusted", directory=signed(content(*ENTRIES, distrust=entries)))
