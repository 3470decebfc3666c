"""Whose roots a chain reaches, and which trust contexts a voucher for it may carry (docs/spec X3, X4, R10)."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from mecai.errors import VerificationError
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.path import validate_chain
from mecai.vas.problem import Code, Problem
from mecai.vas.trust.directories import Directories


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

    def judge(self, request: VoucherRequest, now: datetime) -> Trusted:
        """Return the trusted path of a request's chain; raises `Problem` (untrusted, distrusted, malformed).

        Where contexts trust it by different paths, the first one's counts, and contexts that need another are left out.
        """
        end_entity = x509.load_der_x509_certificate(request.certificate)
        intermediates = [x509.load_der_x509_certificate(each) for each in request.intermediates]
        trusting: list[tuple[Directory, list[x509.Certificate]]] = []
        refusal = ""
        for directory in self._directories.in_force(now):
            try:
                path = validate_chain(end_entity, intermediates, directory.roots, None, now)
            except VerificationError as error:
                refusal = error.detail
            else:
                self._refuse(directory, [end_entity, *intermediates], path)
                trusting.append((directory, path))
        if not trusting:
            raise Problem(Code.UNTRUSTED, f"certificate: {refusal}")
        first = trusting[0][1]
        _require_name(request.server_name, first, now)
        contexts = tuple(
            directory.context
            for directory, path in trusting
            if path[:-1] == first[:-1] and directory.distrusted(path, now) is None
        )
        return Trusted(tuple(first), contexts)

    def _refuse(self, directory: Directory, presented: list[x509.Certificate], path: list[x509.Certificate]) -> None:
        """Refuse what the operator distrusts (X4), and what is of the VA's own owner group (R10)."""
        if any(spki_hash(certificate) in self._distrusted for certificate in path[1:]):
            raise Problem(Code.DISTRUSTED, "certificate: the operator of this VA distrusts a CA of its chain")
        own = directory.find(self._authority)
        if own is not None and own.owner_group in directory.owner_groups_of(presented, path):
            detail = f"certificate: its issuer is of this VA's own owner group, {own.owner_group}; ask another VA"
            raise Problem(Code.UNTRUSTED, detail)


def _require_name(server_name: str | None, path: list[x509.Certificate], now: datetime) -> None:
    """Hold a serverName against the subject alternative names (R3), of a path that is good without it."""
    if server_name is None:
        return
    try:
        validate_chain(path[0], path[1:-1], path[-1:], server_name, now)
    except VerificationError as error:
        raise Problem(Code.MALFORMED, f"serverName: {server_name!r} is not a name of the certificate") from error
