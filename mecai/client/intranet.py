"""One private network of a client (docs/spec, M4): whom it trusts there, and which statuses it demands.

Fresh OCSP responses, stapled or fetched, say that the server's certificates still stand. What is fetched is kept for a
few minutes in memory, never beyond its end, and judged anew for each connection.
"""

import ssl
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from mecai import tls
from mecai.client.intranet_entry import IntranetEntry
from mecai.errors import InputError, Malformed, VerificationError
from mecai.evidence.memory import KEPT_FOR
from mecai.evidence.status import ask_responder
from mecai.net.addresses import AddressPolicy
from mecai.net.fetch import EVERY_PORT, Fetcher, FetchError
from mecai.net.resolve import from_system
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import hash_of
from mecai.protocol.pki.roots import check_root
from mecai.protocol.verify.intranet import RULE, Intranet, Pair, Way, examine_private_chain, prove_private_status
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates


@dataclass(frozen=True)
class Proof:
    """The status of one certificate (its SHA-256): good from `this_update` to `next_update`."""

    certificate: bytes
    way: Way
    this_update: datetime
    next_update: datetime


class PrivateNetwork:
    """One `[[intranet]]`, with its roots read. Safe for use by several threads."""

    def __init__(self, entry: IntranetEntry) -> None:
        """Read the roots; raises `HostError` or `InputError`."""
        self.rule = _rule_of(entry)
        self._trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for root in self.rule.roots:
            self._trust.load_verify_locations(cadata=root.public_bytes(Encoding.DER))
        self._fetcher = Fetcher(AddressPolicy(entry.networks), from_system, ports=EVERY_PORT)
        self._kept: dict[bytes, tuple[datetime, bytes]] = {}

    def confine(self, connection: tls.Connection) -> None:
        """Let `connection`, whose handshake has not begun, trust this network's roots and no other."""
        tls.trust_only(connection, self._trust)

    def judge(self, facts: tls.Facts, server_name: str, now: datetime, deadline: Deadline) -> tuple[Proof, ...]:
        """Apply rule M4 to what a handshake showed; a responder is asked within `deadline` for what was not stapled.

        Returns the status of each certificate below the pin, end entity first. Raises `VerificationError`.
        """
        if facts.resumed:
            raise VerificationError("status-missing", RULE, "a resumed session shows no certificate and no staple")
        pairs = examine_private_chain(facts.chain, self.rule, server_name, now)
        return tuple(self._prove(pair, facts.staple, now, deadline) for pair in pairs)

    def _prove(self, pair: Pair, staple: bytes | None, now: datetime, deadline: Deadline) -> Proof:
        name = hash_of(pair[0])
        found = ((Way.STAPLED, staple), (Way.REMEMBERED, self._recall(name, now)))
        at_hand = [(way, response) for way, response in found if response is not None]

        def ask(said: str) -> bytes:
            response = self._ask(pair, deadline, said)
            self._remember(name, response, now)
            return response

        way, status = prove_private_status(pair, at_hand, ask, self.rule, now)
        return Proof(name, way, status.this_update, status.until(status.this_update))

    def _ask(self, pair: Pair, deadline: Deadline, said: str) -> bytes:
        """Ask the responder that the certificate names; `said` is why that is necessary."""
        try:
            return ask_responder(*pair, replace(self._fetcher, seconds=deadline.require()))
        except TimeoutError as error:
            raise _unavailable(f"{said}; there was no time to ask a responder") from error
        except VerificationError as error:
            raise _unavailable(f"{said}; {error.detail}") from error
        except FetchError as error:
            raise _unavailable(f"{said}; {error}") from error

    def _recall(self, name: bytes, now: datetime) -> bytes | None:
        until, response = self._kept.get(name, (now, b""))
        return response if now < until else None

    def _remember(self, name: bytes, response: bytes, now: datetime) -> None:
        if len(self._kept) >= LIMITS.remembered_certificates:
            self._kept.clear()
        self._kept[name] = (now + KEPT_FOR, response)


def _rule_of(entry: IntranetEntry) -> Intranet:
    roots = load_certificates(entry.roots)
    for place, root in enumerate(roots, start=1):
        try:
            check_root(root, root.not_valid_before_utc)  # whether its time has come or gone is for each verdict to say
        except Malformed as error:
            raise InputError(f"{entry.roots}: certificate {place} cannot be a root: {error.detail}") from error
    return Intranet(
        domains=entry.names,
        roots=roots,
        pins=frozenset(map(bytes.fromhex, entry.pins)),
        max_status_age=timedelta(hours=entry.max_status_hours),
    )


def _unavailable(detail: str) -> VerificationError:
    return VerificationError("status-unavailable", RULE, detail)
