"""The content of a directory: authorities, who owns them, whom the publisher distrusts (docs/spec, "Directory").

Values and look-ups only; how they become signed octets is `mecai.protocol.objects.directory`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.verification import Store

from mecai.errors import Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import authority_id, spki_der, spki_hash
from mecai.protocol.pki.roots import Roots, anchors_of


@dataclass(frozen=True)
class Server:
    """A Voucher Authority Server: its base URL (https) and the roots that its certificate must chain to."""

    url: str
    roots: tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class Mail:
    """Where an authority's notifications come from: sender address and S/MIME certificate."""

    sender: str
    certificate: x509.Certificate


@dataclass(frozen=True)
class Authority:
    """One CA with its Voucher Authority; `authority` is its id. Without servers it does not vouch.

    `subordinates` are SPKI hashes: every other CA key that the owner controls, under whosoever's root (D5).
    """

    name: str
    owner_group: str
    region: str
    authority: bytes
    roots: tuple[x509.Certificate, ...]
    subordinates: frozenset[bytes] = frozenset()
    servers: tuple[Server, ...] = ()
    mail: Mail | None = None
    report_key: bytes | None = None

    def __post_init__(self) -> None:
        if self.authority not in {authority_id(spki_der(root)) for root in self.roots}:
            raise Malformed(f"authority {self.name!r}: its id {self.authority.hex()} is derived from none of its roots")

    @cached_property
    def identifying_roots(self) -> tuple[x509.Certificate, ...]:
        """The roots whose key the id names: only they may have issued the authority's certificate."""
        return tuple(root for root in self.roots if authority_id(spki_der(root)) == self.authority)

    @cached_property
    def anchors(self) -> Roots:
        """The same roots, ready to validate a path to."""
        return Store(list(self.identifying_roots))


@dataclass(frozen=True)
class Distrust:
    """From `time` on, the publisher distrusts every chain that goes through this key."""

    spki_hash: bytes
    time: datetime
    reason: str


@dataclass(frozen=True)
class Directory:
    """What one publisher says for its trust context. `hash` is SHA-256 over the signed octets."""

    context: str
    sequence: int
    issued: datetime
    expires: datetime
    authorities: tuple[Authority, ...]
    distrust: tuple[Distrust, ...] = ()
    publishers: tuple[x509.Certificate, ...] = ()
    hash: bytes = field(default=b"", compare=False)

    def __post_init__(self) -> None:
        if len(self._by_id) != len(self.authorities):
            raise Malformed("authorities: two entries have one id")

    @cached_property
    def _by_id(self) -> dict[bytes, Authority]:
        return {authority.authority: authority for authority in self.authorities}

    @cached_property
    def _owners(self) -> dict[bytes, frozenset[str]]:
        """Owner groups by SHA-256 of the CA key; a key may have several."""
        owners: defaultdict[bytes, set[str]] = defaultdict(set)
        for authority in self.authorities:
            for key in (*map(spki_hash, authority.roots), *authority.subordinates):
                owners[key].add(authority.owner_group)
        return {key: frozenset(groups) for key, groups in owners.items()}

    @cached_property
    def _roots_by_subject(self) -> dict[x509.Name, list[x509.Certificate]]:
        roots: defaultdict[x509.Name, list[x509.Certificate]] = defaultdict(list)
        for root in self.roots:
            roots[root.subject].append(root)
        return dict(roots)

    @cached_property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """Every root of every authority."""
        return tuple(root for authority in self.authorities for root in authority.roots)

    @cached_property
    def anchors(self) -> Roots:
        """The same roots, ready to validate a server's chain to."""
        return anchors_of(self.roots)

    def find(self, authority: bytes) -> Authority | None:
        """Return the entry with this id of 8 octets."""
        return self._by_id.get(authority)

    def owners_of_key(self, certificate: x509.Certificate) -> frozenset[str]:
        """Return the owners of a CA's key, none if no entry lists it."""
        return self._owners.get(spki_hash(certificate), frozenset())

    def owner_groups_of(
        self, presented: Sequence[x509.Certificate], path: Sequence[x509.Certificate]
    ) -> frozenset[str]:
        """Return the owners who may not vouch for a server: client (V6), VAS (R10) and sidecar ask this one question.

        They are the owners of any CA key among what the server presents or on the validated path, and of any root that
        one of these certificates reaches, as cross-signs do. Raises `VerificationError` (C4, untrusted) for a CA of the
        path whose key no entry lists: nobody knows whose it is, so nobody is known to be another.
        """
        for issuer in path[1:]:
            if spki_hash(issuer) not in self._owners:
                ca, key = issuer.subject.rfc4514_string(), spki_hash(issuer).hex()
                raise VerificationError("untrusted", "C4", f"no entry of the directory lists the key of {ca}: {key}")
        owners: set[str] = set()
        for certificate in dict.fromkeys((*presented, *path)):
            owners |= self._owners.get(spki_hash(certificate), frozenset())
            for root in self._roots_by_subject.get(certificate.issuer, ()):
                of_root = self._owners[spki_hash(root)]
                if not of_root <= owners and issued_by(certificate, root):
                    owners |= of_root
        return frozenset(owners)

    def anchored(self, presented: Sequence[x509.Certificate]) -> list[x509.Certificate]:
        """Return those of the CA certificates presented that a root stands behind, itself or over others, as presented.

        In that order, so that the path is the one of clients, who search all that is presented (section 12.2).

        For whoever judges what strangers make up: only keys that a root of the directory stands behind are used here,
        each once for a certificate, while a path builder uses a stranger's own keys, as dear as they may be.
        """
        found = [each for each in presented if self._issued_by_root(each)]
        for issuer in found:  # which grows meanwhile
            found += [each for each in presented if each not in found and issued_by(each, issuer)]
        return [each for each in presented if each in found]

    def _issued_by_root(self, certificate: x509.Certificate) -> bool:
        return any(issued_by(certificate, root) for root in self._roots_by_subject.get(certificate.issuer, ()))

    def says_until(self, now: datetime) -> datetime:
        """Return when the directory says something else than at `now`: its end, or the next distrust that begins."""
        return min((self.expires, *(entry.time for entry in self.distrust if entry.time > now)))

    def distrusted(self, chain: Sequence[x509.Certificate], now: datetime) -> Distrust | None:
        """Return the entry that forbids this chain (root included by the caller) at `now`, if there is one."""
        if not self.distrust:
            return None
        keys = {spki_hash(certificate) for certificate in chain}
        return next((entry for entry in self.distrust if entry.spki_hash in keys and entry.time <= now), None)


@lru_cache(LIMITS.remembered_certificates)
def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether the issuer's name and key are those that a certificate was issued with.

    That follows from the octets of both alone, so the last answers are remembered: the same few CAs come again.
    """
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
