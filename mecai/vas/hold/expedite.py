"""Expedite (docs/spec H8): two other VAs say that a certificate need not wait.

A statement is verified when it comes, and kept until it ends. Whether two of them end a hold is judged when the
certificate is asked for, by the directory then in force.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from mecai.errors import VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Authority, Directory, issued_by
from mecai.protocol.objects.expedite import ExpediteStatement, parse_expedite
from mecai.protocol.objects.statement import Signed
from mecai.protocol.pki.direct import validate_authority
from mecai.vas.hold.first_seen import StillHeld
from mecai.vas.refusal import from_verdict
from mecai.vas.storage.expedites import ExpediteLog
from mecai.vas.trust.contexts import Trust, Trusted

LOG = logging.getLogger(__name__)
OWNERS: Final = 2  # how many of them it takes


@dataclass(frozen=True)
class Expedites:
    """Statements for the VA `authority`; `require_good` asks for the status of a certificate under its root."""

    authority: bytes
    trust: Trust
    log: ExpediteLog
    require_good: Callable[[x509.Certificate, x509.Certificate, datetime], None]

    def accept(self, encoded: bytes, now: datetime) -> ExpediteStatement:
        """Verify a statement and keep it; raises `Refusal` (malformed, untrusted, revoked, status-unavailable)."""
        try:
            signed = parse_expedite(encoded)
            authority = self._verify(signed, self.trust.directories.in_force(now), now)
        except VerificationError as error:
            raise from_verdict(error) from error
        self.log.keep(authority.authority, signed.statement, encoded, now)
        return signed.statement

    def require(self, certificate_hash: bytes, trusted: Trusted, now: datetime) -> None:
        """Require statements of enough owners, none of them the issuer's or this VA's own; raises `StillHeld`."""
        directory = trusted.directory
        own = directory.find(self.authority)
        excluded = trusted.owners | ({own.owner_group} if own else set())
        owners = {each.owner_group for each in self._speaking(certificate_hash, directory, now)} - excluded
        if len(owners) < OWNERS:
            raise StillHeld(f"{len(owners)} owners speak for it, {OWNERS} are needed")

    def _speaking(self, certificate_hash: bytes, directory: Directory, now: datetime) -> Iterator[Authority]:
        for encoded in self.log.speaking(certificate_hash, now):
            try:
                yield self._verify(parse_expedite(encoded), [directory], now)
            except VerificationError as error:
                LOG.warning("an expedite statement no longer counts: %s", error)

    def _verify(self, signed: Signed[ExpediteStatement], directories: Sequence[Directory], now: datetime) -> Authority:
        """Return whose statement it is; raises `VerificationError`."""
        statement, certificate = signed.statement, signed.signed.certificate
        if not (statement.issued_at <= now + LIMITS.clock_skew and now < statement.expires_at):
            raise _untrusted("issuedAt, expiresAt: the statement does not hold now")
        for directory, authority, root in _issuers(directories, certificate):
            if not self.trust.hears(authority, directory, now, certificate):
                continue
            validate_authority(certificate, [root], now)
            signed.signed.verify_signature()
            self.require_good(certificate, root, now)
            return authority
        raise _untrusted("certificate: of no VA that is trusted in a directory in force")


def _issuers(
    directories: Sequence[Directory], certificate: x509.Certificate
) -> Iterator[tuple[Directory, Authority, x509.Certificate]]:
    """Name the directories, in each the entries, and of each the root, whose key issued a certificate."""
    for directory in directories:
        for authority in directory.authorities:
            for root in authority.identifying_roots:
                if issued_by(certificate, root):
                    yield directory, authority, root


def _untrusted(detail: str) -> VerificationError:
    return VerificationError("untrusted-authority", "H8", detail)
