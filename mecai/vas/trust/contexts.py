"""Whose roots a chain reaches, and which trust contexts a voucher for it may carry (docs/spec X3, X4, R10)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from mecai.errors import VerificationError
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.malleability import equivalent_hashes
from mecai.vas.refusal import Code, Refusal
from mecai.vas.trust.directories import Directories
from mecai.vas.trust.paths import Chain, Path, Paths


@dataclass(frozen=True)
class Trusted:
    """A chain that is trusted: its path, end entity to root, and the contexts that a voucher for it carries.

    `directory` is the first that trusts it; by it, `owners` are those who may not vouch for the chain (V6).
    """

    path: tuple[x509.Certificate, ...]
    contexts: tuple[str, ...]
    directory: Directory
    owners: frozenset[str]

    @property
    def issuer_owners(self) -> frozenset[str]:
        """Who controls the key that issued the end entity."""
        return self.directory.owners_of_key(self.path[1])


class Trust:
    """What the VA `authority` makes of a chain."""

    def __init__(
        self,
        directories: Directories,
        authority: bytes,
        distrusted: frozenset[bytes],
        refuses: Callable[[Collection[bytes]], bool] = lambda _keys: False,
    ) -> None:
        """Judge by `directories`; `distrusted` are SPKI hashes of CAs that the operator never vouches for.

        `refuses` is asked each time whether one of some hashes has been refused since (`DistrustLog`).
        """
        self.directories = directories
        self._authority = authority
        self._distrusted = distrusted
        self._refuses = refuses
        self._paths = Paths()

    def judge(self, chain: Chain, now: datetime) -> Trusted:
        """Return the trusted path of a chain, end entity first; raises `Refusal` (untrusted, distrusted).

        Where contexts trust it by different paths, the first one's counts, and contexts that need another are left out.
        """
        trusting: list[tuple[Directory, Path]] = []
        refusal = ""
        for directory in self.directories.in_force(now):
            try:
                path = self._paths.of(chain, directory, now)
            except VerificationError as error:
                refusal = error.detail
            else:
                trusting.append((directory, path))
        if not trusting:
            raise Refusal(Code.UNTRUSTED, f"certificate: {refusal}")
        if self.refuses({name for _, path in trusting for name in path.names}):
            raise Refusal(Code.DISTRUSTED, "certificate: the operator of this VA distrusts it, or a CA of its chain")
        for directory, path in trusting:
            self._require_another_owner(directory, path.owners)
        directory, first = trusting[0]
        contexts = tuple(
            each.context
            for each, path in trusting
            if path.certificates[:-1] == first.certificates[:-1] and each.distrusted(path.certificates, now) is None
        )
        return Trusted(first.certificates, contexts, directory, first.owners)

    def hears(self, authority: Authority, directory: Directory, now: datetime, *certificates: x509.Certificate) -> bool:
        """Say whether a VA of a directory has a say: neither that one (D7) nor the operator (X4) distrusts it.

        `certificates` are those by which it speaks, each of which the operator may refuse, too.
        """
        roots = authority.identifying_roots
        if directory.distrusted(roots, now) is not None:
            return False
        names = {name for each in (*roots, *certificates) for name in equivalent_hashes(each)}
        return not self.refuses(names | set(map(spki_hash, roots)))

    def refuses(self, names: Collection[bytes]) -> bool:
        """Say whether the operator distrusts one of these CA keys or certificates, each by its SHA-256 (X4)."""
        return not self._distrusted.isdisjoint(names) or self._refuses(names)

    def _require_another_owner(self, directory: Directory, owners: Collection[str]) -> None:
        """Refuse what is of the VA's own owner group (R10)."""
        own = directory.find(self._authority)
        if own is not None and own.owner_group in owners:
            detail = f"certificate: its issuer is of this VA's own owner group, {own.owner_group}; ask another VA"
            raise Refusal(Code.UNTRUSTED, detail)
