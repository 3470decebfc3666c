# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V7 to V10: what a voucher is bound to. A time, a certificate, an address, a trust context."""

from datetime import datetime, timedelta

from tests.conformance.parts.der import time
from tests.conformance.parts.status import by_ocsp
from tests.conformance.parts.voucher import ADDRESS, BEGIN, Voucher, addresses, contexts, issuers
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, DOGWOOD, HOST, SITE, accepted, of, refused, voucher
from tests.pki import DAY, HOUR, NOW, ca_extensions, issue, key

SECOND = timedelta(seconds=1)
_SPAN = (NOW - DAY, NOW + 1825 * DAY)
_SIX, _NAT64 = "2001:db8::10", "64:ff9b::198.18.0.10"


def _lasting(begin: datetime, end: datetime) -> Voucher:
    """Return birch's voucher over these times, whose evidence holds long enough for any of them."""
    evidence = [by_ocsp(item, span=(NOW - HOUR, NOW + 6 * DAY)) for item in issuers(SITE)]
    return voucher(info={"thisUpdate": time(begin), "nextUpdate": time(end)}, evidence=evidence)


@case("V7")
def v7_begins_300_s_ahead() -> Situation:
    """The field thisUpdate is 300 seconds after the client's clock: the most that V7 forgives."""
    return accepted(_lasting(NOW + 300 * SECOND, NOW + DAY))


@case("V7")
def v7_begins_301_s_ahead() -> Situation:
    """The field thisUpdate is 301 seconds after the client's clock."""
    return refused("not-yet-valid", _lasting(NOW + 301 * SECOND, NOW + DAY))


@case("V7")
def v7_ends_in_a_second() -> Situation:
    """The field nextUpdate is one second after now."""
    return accepted(_lasting(BEGIN, NOW + SECOND))


@case("V7", "C5")
def v7_ends_now() -> Situation:
    """The field nextUpdate is now. It is the first moment at which the voucher is no more valid, cached or not."""
    return refused("expired", _lasting(NOW - DAY, NOW))


@case("V7", "O11")
def v7_lasts_72_hours() -> Situation:
    """The voucher is valid for 72 hours, the most that O11 allows."""
    return accepted(_lasting(BEGIN, BEGIN + 72 * HOUR))


@case("V7", "O11")
def v7_lasts_a_second_longer() -> Situation:
    """The voucher is valid for 72 hours and one second. The reason is `malformed`."""
    return refused("malformed", _lasting(BEGIN, BEGIN + 72 * HOUR + SECOND))


@case("V7", over={"24 hours": 24 * HOUR, "a second longer": 24 * HOUR + SECOND})
def v7_shorter_maximum(lifetime: timedelta) -> Situation:
    """This client is configured to take vouchers of 24 hours at most; this one lasts {}."""
    made = _lasting(BEGIN, BEGIN + lifetime)
    if lifetime == 24 * HOUR:
        return accepted(made, max_voucher_lifetime=86400)
    return refused("malformed", made, max_voucher_lifetime=86400)


@case("V8")
def v8_rogue_certificate() -> Situation:
    """The attack that all this is for: a compromised CA issued a certificate for the name; the attacker shows it.

        client --> attacker: certificate of dogwood for www.example.test, key of the attacker's own
                             voucher of birch for the real server's certificate

    No authority has seen the attacker's certificate at the address; V8 holds the voucher against the certificate.
    """
    rogue = DOGWOOD.server(HOST, server_key=key("rogue"))
    return refused("certificate-mismatch", chain=rogue.chain_der)


@case("V8")
def v8_renewed_certificate() -> Situation:
    """The server renewed its certificate, with the same key, and still staples the voucher of the old one."""
    renewed = ALDER.server(HOST, days=91)
    return refused("certificate-mismatch", chain=renewed.chain_der)


@case("V8")
def v8_intermediate_issued_anew() -> Situation:
    """The server presents another certificate of its issuing CA, of the same name and key, than birch saw."""
    ca_key = ALDER.issuing.key
    anew = issue("alder issuing CA", ca_key, ALDER.root, ca_extensions(ca_key, 0), span=(NOW - HOUR, NOW + 90 * DAY))
    return refused("intermediates-mismatch", chain=(SITE.der, anew.der))


_DEEP = ALDER.server(HOST, parent=ALDER.subordinate("lower CA", ALDER.subordinate("upper CA", ALDER.root, 1)))


@case("V8", "O9")
def v8_two_intermediates() -> Situation:
    """Alder root -- upper CA -- lower CA -- server; the voucher names both."""
    return accepted(of(BIRCH, _DEEP), chain=_DEEP.chain_der)


@case("V8", "C4")
def v8_root_presented() -> Situation:
    """The server presents its root too. The root is in the client's directory and never in a voucher."""
    return accepted(chain=(*SITE.chain_der, ALDER.root.der))


@case("V8", "C4")
def v8_stranger_presented() -> Situation:
    """The server presents a certificate that has nothing to do with its path, and that no directory knows."""
    stranger = issue("stranger", key("stranger"), None, ca_extensions(key("stranger"), None), span=_SPAN)
    return accepted(chain=(*SITE.chain_der, stranger.der))


def _probed(*texts: str) -> Voucher:
    return voucher(info={"addresses": addresses(*texts)})


@case("V9")
def v9_another_address() -> Situation:
    """An attacker at 198.18.0.66 relays the server's handshake; birch probed 198.18.0.10 only."""
    return refused("address-mismatch", peer_address="198.18.0.66")


@case("V9")
def v9_address_unknown() -> Situation:
    """The client connects through a forward proxy and does not know the server's address."""
    return refused("address-unknown", peer_address=None)


@case("V9", "I5")
def v9_ipv6() -> Situation:
    """The server has an address of each kind, birch probed both, the client came by IPv6."""
    return accepted(_probed(ADDRESS, _SIX), peer_address=_SIX)


@case("V9", "I5")
def v9_mapped() -> Situation:
    """A dual-stack socket names the peer ::ffff:198.18.0.10. I5: that is the IPv4 address."""
    return accepted(peer_address=f"::ffff:{ADDRESS}")


@case("V9")
def v9_nat64() -> Situation:
    """The client's network has IPv6 only and translates: the peer is 64:ff9b::c612:a. V9: unmapped."""
    return accepted(peer_address=_NAT64)


@case("V9")
def v9_nat64_of_another() -> Situation:
    """The peer is 64:ff9b::c612:42, the translation of an address that birch did not probe."""
    return refused("address-mismatch", peer_address="64:ff9b::198.18.0.66")


@case("V9")
def v9_own_prefix() -> Situation:
    """The client's network translates by a prefix of its own, and the client is configured for it."""
    return accepted(peer_address="2001:db8:64::c612:a", nat64_prefixes=("2001:db8:64::/96",))


@case("V9")
def v9_somebodys_prefix() -> Situation:
    """The last 32 bits are the probed IPv4 address, but the prefix is not configured: any IPv6 host can have those."""
    return refused("address-mismatch", peer_address="2001:db8:64::c612:a")


@case("V9")
def v9_local_use_prefix() -> Situation:
    """The peer is 64:ff9b:1::c612:a: local-use translation (RFC 8215), which is not 64:ff9b::/96."""
    return refused("address-mismatch", peer_address="64:ff9b:1::198.18.0.10")


@case("V10")
def v10_another_context() -> Situation:
    """The voucher carries context GOO only; the client's is MOZ: its publisher may distrust the chain."""
    return refused("context-missing", voucher(info={"trustContexts": contexts("GOO")}))


@case("V10", "O12")
def v10_no_context() -> Situation:
    """The voucher carries no context; the client has one."""
    return refused("context-missing", voucher(info={"trustContexts": contexts()}))


@case("V10")
def v10_one_of_two() -> Situation:
    """The client has contexts GOO and MOZ, the voucher MOZ and APL: one in common is enough."""
    return accepted(voucher(info={"trustContexts": contexts("MOZ", "APL")}), contexts=("GOO", "MOZ"))


@case("V10", "O12")
def v10_client_without() -> Situation:
    """The client has no context of its own, and the voucher carries none."""
    return accepted(voucher(info={"trustContexts": contexts()}), contexts=())


@case("V10")
def v10_part_of_a_name() -> Situation:
    """The voucher carries MOZ-TEST. A context is compared whole."""
    return refused("context-missing", voucher(info={"trustContexts": contexts("MOZ-TEST")}))


_NEARLY = {
    "an IPv4-compatible address": "::198.18.0.10",
    "more in the prefix of NAT64": "64:ff9b::1:c612:a",
    "a prefix that begins like NAT64": "64:ff9b:0:1::c612:a",
    "a mapped address shifted": "::ffff:0:c612:a",
}


@case("V9", "I5", over=_NEARLY)
def v9_peer_with(address: str) -> Situation:
    """The last 32 bits of the peer's IPv6 address are those of the probed IPv4 address, but it has {}."""
    return refused("address-mismatch", peer_address=address)


@case("V9")
def v9_nat64_itself_probed() -> Situation:
    """The peer is an address of 64:ff9b::/96, and so stands in the voucher. V9: as it is, or unmapped."""
    return accepted(_probed(_NAT64), peer_address=_NAT64)


@case("V9")
def v9_second_of_two_prefixes() -> Situation:
    """Two translation prefixes are configured besides NAT64's; the peer is in the second."""
    prefixes = ("2001:db8:64::/96", "2001:db8:65::/96")
    return accepted(peer_address="2001:db8:65::c612:a", nat64_prefixes=prefixes)


@case("V9", "O10")
def v9_second_of_two_addresses() -> Situation:
    """Birch probed two addresses; the peer's is the second."""
    return accepted(_probed("198.18.0.66", ADDRESS))
