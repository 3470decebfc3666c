"""Every reason code: the rules that give it, what it means, what a person does about it (docs/spec, "Reason codes").

Data alone. `VerificationError.diagnostics` gives the advice; a program that knows more of the situation may say more.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Reason(NamedTuple):
    """`meaning` is one sentence; `advice` says what to do."""

    rules: tuple[str, ...]
    meaning: str
    advice: str


LEAVE: Final = "Do not go on. Tell the site's operator by another way; the certificate may be rogue."
_OPERATOR: Final = "Try again later; if it stays, tell the site's operator that his vouchers need attention."
_AUTHORITY: Final = "Try again later; if it stays, tell the Voucher Authority or the directory's publisher."
_CLOCK: Final = "Check this machine's clock."
_DIRECTORY: Final = "Keep the directory that you have; fetch the publisher's newest again, and tell him if it stays."

REASONS: Final[Mapping[str, Reason]] = {
    "malformed": Reason(
        ("V1", "V7", "R3", "T4", "D1"),
        "What was sent is not of the form that its kind has.",
        "Whoever made it has to make it anew; if it came over the network, try again later and tell its sender.",
    ),
    "not-a-candidate": Reason(("V2",), "The voucher is of an authority that this client did not name.", _OPERATOR),
    "untrusted-authority": Reason(("V3",), "The voucher's signer is no authority of the directory.", LEAVE),
    "bad-signature": Reason(("V4", "D2"), "It is forged or damaged: its signature does not hold.", LEAVE),
    "authority-revoked": Reason(("V5",), "The authority's own certificate is revoked.", _AUTHORITY),
    "authority-status": Reason(("V5",), "Nothing fresh says that the authority's own certificate is good.", _AUTHORITY),
    "self-endorsed": Reason(
        ("V6",), "The voucher comes from the owner of the CA that issued the certificate.", _OPERATOR
    ),
    "not-yet-valid": Reason(("V7",), "The voucher is from the future.", f"{_CLOCK} Then try again."),
    "expired": Reason(("V7",), "The voucher is no longer valid.", f"{_CLOCK} {_OPERATOR}"),
    "certificate-mismatch": Reason(("V8",), "The voucher is for another certificate than the server's.", LEAVE),
    "intermediates-mismatch": Reason(("V8",), "The voucher is for another chain of CAs than the server's.", LEAVE),
    "address-mismatch": Reason(
        ("V9",),
        "The voucher is for other addresses than the one that answered.",
        f"A proxy or a resolver may send you elsewhere: connect directly and compare. {LEAVE}",
    ),
    "address-unknown": Reason(
        ("V9",),
        "The server's address is not known, so no voucher can be held against it.",
        "Connect without a proxy; a program says with mecai.client.peer() where its connection leads.",
    ),
    "context-missing": Reason(("V10",), "The authority vouches, but not in a trust context of this client.", LEAVE),
    "revoked": Reason(("V11", "M4"), "A certificate of the server's chain is revoked.", LEAVE),
    "status-missing": Reason(("V11", "M4"), "Nothing says whether the server's certificates are revoked.", _OPERATOR),
    "status-stale": Reason(
        ("V11", "M4"), "What says that the server's certificates are good is out of its time.", _OPERATOR
    ),
    "no-voucher": Reason(
        ("C1", "T8"),
        "No Voucher Authority that this client asked for has vouched for the server's certificate.",
        "If the site never had vouchers, ask its operator for them; if it had, do not go on: the server may be false.",
    ),
    "quorum": Reason(("C2",), "Fewer authorities of distinct owners vouch than this client demands.", _OPERATOR),
    "untrusted": Reason(
        ("C4",),
        "The server's chain does not verify to a root of the directory, by CAs that it lists.",
        LEAVE,
    ),
    "distrusted": Reason(("C4",), "The directory's publisher distrusts a CA of the server's chain.", LEAVE),
    "pin-mismatch": Reason(
        ("M4",),
        "The server's chain does not verify to the private CA that is pinned for its domain.",
        "Do not go on. Tell the private network's operator: a stranger may stand between, or his certificate is wrong.",
    ),
    "status-unavailable": Reason(
        ("M4",),
        "No OCSP response for a server of a private network was stapled or could be fetched.",
        "Tell the private network's operator that his CA's OCSP responder does not answer; without it nothing goes on.",
    ),
    "directory-untrusted": Reason(
        ("D2",),
        "The directory is signed by a key that is not pinned.",
        "If the publisher has a new key, read first the directory in which his old key names it; if that was stolen or"
        " lost, put the new one, from him and nobody else, into the file of pinned publishers.",
    ),
    "directory-rollback": Reason(("D3",), "The directory is older than one that was accepted before.", _DIRECTORY),
    "directory-equivocation": Reason(
        ("D3",), "The directory has the number of an accepted one and other content.", _DIRECTORY
    ),
    "directory-not-yet-valid": Reason(("D4",), "The directory is from the future.", f"{_CLOCK} Then try again."),
    "directory-expired": Reason(
        ("D4",), "The directory is out of date.", "Fetch a newer one: `mecai directory view` shows its times."
    ),
}
