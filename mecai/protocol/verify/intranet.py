"""Rule M4: a server of a private network is held to the private CA of its domain, and to nothing else.

Pure, as its neighbours: which domain a name belongs to, whether the chain is the private CA's, and whether fresh OCSP
responses say that it still stands. Vouchers play no part; `mecai.protocol.verify.connection` judges every other name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from cryptography import x509

from mecai.errors import InputError, Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki import certificates
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.names import host_name_of
from mecai.protocol.pki.ocsp import OcspStatus, judge_ocsp
from mecai.protocol.pki.path import validate_chain
from mecai.protocol.pki.roots import Roots, anchors_of

RULE = "M4"
Pair = tuple[x509.Certificate, x509.Certificate]  # a certificate and who issued it


class Way(StrEnum):
    """How an OCSP response came."""

    STAPLED = "stapled"
    REMEMBERED = "remembered"
    FETCHED = "fetched"


@dataclass(frozen=True)
class Intranet:
    """One private network: its `domains` (host names in normal form), each with every name below it, and its CA.

    `pins` are SHA-256 hashes of keys of CAs; where there are any, the chain goes through one of them.
    """

    domains: tuple[str, ...]
    roots: tuple[x509.Certificate, ...]
    pins: frozenset[bytes] = frozenset()
    max_status_age: timedelta = LIMITS.intranet_status_age

    @cached_property
    def anchors(self) -> Roots:
        """The roots, ready to validate a path to."""
        return anchors_of(self.roots)


def domain_of(server_name: str, domains: Sequence[str]) -> str | None:
    """Return the longest of `domains` that a server name equals or lies below, label by label.

    An IP address lies below none. What is no host name is compared as it stands, so that odd spelling is no way out.
    """
    try:
        name = host_name_of(server_name)
    except InputError:
        name = server_name.lower().rstrip(".")
    return max((each for each in domains if f".{name}".endswith(f".{each}")), key=len, default=None)


def examine_private_chain(
    presented: Sequence[bytes], intranet: Intranet, server_name: str, now: datetime
) -> tuple[Pair, ...]:
    """Validate what a server presents (DER, end entity first) to the private CA, under the server's name.

    Returns each certificate whose status has to be known, with its issuer: from the end entity up to the pinned key.
    Raises `VerificationError` (pin-mismatch, M4).
    """
    if not 0 < len(presented) <= LIMITS.chain_length:
        raise _mismatch(f"{len(presented)} certificates presented, expected 1..{LIMITS.chain_length}")
    try:
        chain = [certificates.load(der) for der in presented]
        path = validate_chain(chain[0], chain[1:], intranet.anchors, server_name, now)
    except Malformed as error:
        raise _mismatch(f"the server's chain: {error.detail}") from error
    except VerificationError as error:
        raise _mismatch(error.detail) from error
    return tuple(pairwise(_up_to_the_pin(path, intranet.pins)))


def prove_private_status(
    pair: Pair, at_hand: Sequence[tuple[Way, bytes]], ask: Callable[[str], bytes], intranet: Intranet, now: datetime
) -> tuple[Way, OcspStatus]:
    """Return the first good status of a certificate, and how it came; `revoked`, wherever it is said, ends the search.

    `ask` is told why nothing at hand suffices, and brings what the responder answers. Raises `VerificationError` (M4).
    """
    said = "nothing is stapled"
    for way, response in at_hand:
        try:
            return way, judge_private_status(response, pair, intranet, now)
        except VerificationError as error:
            if error.reason == "revoked":
                raise
            said = f"{way}: {error.detail}"
    return Way.FETCHED, judge_private_status(ask(said), pair, intranet, now)


def judge_private_status(response: bytes, pair: Pair, intranet: Intranet, now: datetime) -> OcspStatus:
    """Return the good status that a DER OCSPResponse proves: it names its end, and is of today.

    Raises `VerificationError` under M4: `revoked`, `status-missing`, `status-stale`.
    """
    try:
        status = judge_ocsp(response, *pair, now, max_age=intranet.max_status_age)
    except VerificationError as error:
        raise VerificationError(error.reason, RULE, error.detail) from error
    if status.next_update is None:
        raise VerificationError("status-missing", RULE, "OCSP response names no nextUpdate")
    return status


def _up_to_the_pin(path: list[x509.Certificate], pins: frozenset[bytes]) -> list[x509.Certificate]:
    """Return the path as far as a pinned key reaches: what is above a pin is trusted by the pin."""
    if not pins:
        return path
    for place, certificate in enumerate(path[1:], start=2):
        if spki_hash(certificate) in pins:
            return path[:place]
    raise _mismatch("the server's chain goes through no pinned key")


def _mismatch(detail: str) -> VerificationError:
    return VerificationError("pin-mismatch", RULE, detail)
