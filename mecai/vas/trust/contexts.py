"""Whose roots a chain reaches, and which trust contexts a voucher for it may carry (docs/spec X3, X4, R10)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from mecai.errors import VerificationError
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.path import validate_chain
from mecai.vas.refusal import Code, Refusal
from mecai.vas.trust.directories import Directories

Chain = Sequence[x509.Certificate]


@dataclass(frozen=True)
class Trusted:
    """A chain that is trusted: its path, end entity to root, and the contexts that a voucher for it carries."""

    path: tuple[x509.Certificate, ...]
    contexts: tuple[str, ...]


class Trust:
    """What the VA `authority` makes of a chain."""

    def __init__(self, directories: Directories, authority: bytes, distrusted: frozenset[bytes]) -> None:
        """Judge by `directories`; `distrusted` are SPKI hashes of CAs that the operator never vouches for."""
        self._directories = directories
        self._authority = authority
        self._distrusted = distrusted

    def judge(self, chain: Chain, now: datetime) -> Trusted:
        """Return the trusted path of a chain, end entity first; raises `Refusal` (untrusted, distrusted).

        Where contexts trust it by different paths, the first one's counts, and contexts that need another are left out.
        """
        trusting: list[tuple[Directory, Chain]] = []
        refusal = ""
        for directory in self._directories.in_force(now):
            try:
                path = validate_chain(chain[0], directory.anchored(chain[1:]), directory.anchors, None, now)
                owners = directory.owner_groups_of(chain, path)
            except VerificationError as error:
                refusal = error.detail
            else:
                self._refuse(directory, path, owners)
                trusting.append((directory, path))
        if not trusting:
            raise Refusal(Code.UNTRUSTED, f"certificate: {refusal}")
        first = trusting[0][1]
        contexts = tuple(
            directory.context
            for directory, path in trusting
            if path[:-1] == first[:-1] and directory.distrusted(path, now) is None
        )
        return Trusted(tuple(first), contexts)

    def _refuse(self, directory: Directory, path: Chain, owners: Collection[str]) -> None:
        """Refuse what the operator distrusts (X4), and what is of the VA's own owner group (R10)."""
        if any(spki_hash(certificate) in self._distrusted for certificate in path[1:]):
            raise Refusal(Code.DISTRUSTED, "certificate: the operator of this VA distrusts a CA of its chain")
        own = directory.find(self._authority)
        if own is not None and own.owner_group in owners:
            detail = f"certificate: its issuer is of this VA's own owner group, {own.owner_group}; ask another VA"
            raise Refusal(Code.UNTRUSTED, detail)
