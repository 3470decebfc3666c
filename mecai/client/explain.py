"""What rules and reason codes mean, in a person's words, and what to do about a refusal.

The codes of the rules are `mecai.reasons`; here are those that only a client has.
"""

from typing import Final

from mecai.reasons import LEAVE, REASONS, Reason

# What held for each voucher that counted, in the order of the rules.
RULES: Final = {
    "V1": "the voucher is well formed",
    "V2": "its authority is one that this client named",
    "V3": "the authority's certificate comes straight from a root of the directory",
    "V4": "the authority signed it",
    "V5": "a fresh OCSP answer says that the authority's certificate is good",
    "V6": "the authority does not vouch for its own owner's certificates",
    "V7": "it is valid now, and for no longer than allowed",
    "V8": "it names this very certificate and its intermediates",
    "V9": "it names the address that answered",
    "V10": "it carries a trust context of this client",
    "V11": "fresh evidence says that no certificate of the chain is revoked",
    "C2": "as many owners vouch as this client demands",
    "C4": "the chain is valid for this host name",
}

# What held for a server of a private network.
INTRANET_RULE: Final = "no voucher is asked for: the chain is the private CA's own, and fresh OCSP says that it stands"

# What a connection that is refused would have shown, by the rule, or by the reason where no rule is named.
_EXPECTED: Final = {
    **RULES,
    "C1": "at least one voucher, by an authority that this client named",
    "D4": "a directory whose time is not over",
    "M1": "a mode in which something is asked for",
    "M4": "the chain is the private CA's own, for this name, and fresh OCSP says that each certificate stands",
    "T4": "an extension of vouchers that can be read",
    "T7": "an extension of vouchers of 64,000 octets at most",
    "T8": "a full handshake, for a resumed session shows no voucher",
    "certificate-invalid": "a certificate for this name, valid now, below a root of this client's directory",
    "handshake-failed": "a handshake of TLS 1.2 or 1.3 that comes to its end",
    "unreachable": "an address of this name that answers",
}

_UNKNOWN: Final = Reason((), "The connection breaks a rule of the specification.", LEAVE)

# What the rules have no code for: a connection that was not judged, and one that never came to be judged.
OWN: Final = {
    "not-checked": Reason((), "Nothing was asked for and nothing judged.", "Choose mode warn or enforce."),
    "certificate-invalid": Reason((), "The server's certificate fails ordinary validation.", LEAVE),
    "handshake-failed": Reason(
        (), "The server and this client came to no TLS connection.", "Check that the port speaks TLS 1.2 or 1.3."
    ),
    "unreachable": Reason((), "No address of the host answers.", "Check the name, the port and the route to it."),
}


def explain(reason: str) -> Reason:
    """Return the words for a reason code."""
    return OWN.get(reason) or REASONS.get(reason, _UNKNOWN)


def expected(rule: str | None, reason: str) -> str:
    """Say what would have been accepted in the place of what a rule, or failing one a reason, refused."""
    return _EXPECTED.get(rule or "") or _EXPECTED.get(reason) or "what the specification demands"
