"""What rules and reason codes mean, in a person's words, and what to do about a refusal.

The codes are those of docs/spec section 6, and three of ordinary TLS: `certificate-invalid`, `handshake-failed`,
`unreachable`.
"""

from typing import Final, NamedTuple

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


class Reason(NamedTuple):
    """`meaning` is one sentence; `advice` says what to do."""

    meaning: str
    advice: str


_LEAVE: Final = "Do not go on. Tell the site's operator by another way; the certificate may be rogue."
_OPERATOR: Final = "Try again later; if it stays, tell the site's operator that his vouchers need attention."
_AUTHORITY: Final = "Try again later; if it stays, tell the Voucher Authority or the directory's publisher."
_UNKNOWN: Final = Reason("The connection breaks a rule of the specification.", _LEAVE)

REASONS: Final = {
    "no-voucher": Reason(
        "No Voucher Authority that this client asked for has vouched for the server's certificate.",
        "If the site never had vouchers, ask its operator for them; if it had, do not go on: the server may be false.",
    ),
    "quorum": Reason("Fewer authorities of distinct owners vouch than this client demands.", _OPERATOR),
    "malformed": Reason("What the server sent as a voucher is none.", _OPERATOR),
    "not-a-candidate": Reason("The vouchers come from authorities that this client did not name.", _OPERATOR),
    "untrusted-authority": Reason("The voucher's signer is no authority of the directory.", _LEAVE),
    "bad-signature": Reason("The voucher is forged or damaged.", _LEAVE),
    "authority-revoked": Reason("The authority's own certificate is revoked.", _AUTHORITY),
    "authority-status": Reason("Nothing fresh says that the authority's own certificate is good.", _AUTHORITY),
    "self-endorsed": Reason("The voucher comes from the owner of the CA that issued the certificate.", _OPERATOR),
    "not-yet-valid": Reason("The voucher is from the future.", "Check this machine's clock; then try again."),
    "expired": Reason("The voucher is no longer valid.", f"Check this machine's clock. {_OPERATOR}"),
    "certificate-mismatch": Reason("The voucher is for another certificate than the server's.", _LEAVE),
    "intermediates-mismatch": Reason("The voucher is for another chain of CAs than the server's.", _LEAVE),
    "address-mismatch": Reason(
        "The voucher is for other addresses than the one that answered.",
        f"A proxy or a resolver may send you elsewhere: connect directly and compare. {_LEAVE}",
    ),
    "address-unknown": Reason(
        "The server's address is not known, so no voucher can be held against it.",
        "Connect without a proxy; a program says with mecai.client.peer() where its connection leads.",
    ),
    "context-missing": Reason("The authority vouches, but not in this client's trust context.", _LEAVE),
    "revoked": Reason("A certificate of the server's chain is revoked.", _LEAVE),
    "status-missing": Reason("Nothing says whether the server's certificates are revoked.", _OPERATOR),
    "status-stale": Reason("What says that the server's certificates are good is too old.", _OPERATOR),
    "distrusted": Reason("The directory's publisher distrusts a CA of the server's chain.", _LEAVE),
    "untrusted": Reason("The server's chain leads to no root of the directory.", _LEAVE),
    "directory-expired": Reason(
        "This client's directory of authorities is out of date.", "Update it: `mecai directory view` shows its times."
    ),
    "not-checked": Reason("No voucher was asked for.", "Choose mode warn or enforce."),
    "certificate-invalid": Reason("The server's certificate fails ordinary validation.", _LEAVE),
    "handshake-failed": Reason(
        "The server and this client came to no TLS connection.", "Check that the port speaks TLS 1.2 or 1.3."
    ),
    "unreachable": Reason("No address of the host answers.", "Check the name, the port and the route to it."),
}


def explain(reason: str) -> Reason:
    """Return the words for a reason code."""
    return REASONS.get(reason, _UNKNOWN)
