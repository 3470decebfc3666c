"""A domain's owner objects to a certificate: tell its issuer, and the CA of what is known for that domain (H9).

A CA is told where a directory says that its mail comes from (D5); of one without, nobody knows where to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.errors import HostError, VerificationError
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.pki.identity import hash_of, spki_hash
from mecai.protocol.pki.path import validate_chain
from mecai.vas.hold.first_seen import hold_end
from mecai.vas.jobs.runner import GivenUp
from mecai.vas.refusal import Refusal
from mecai.vas.storage.certificates import CertificateLog, Logged
from mecai.vas.storage.mails import Mails
from mecai.vas.storage.outbox import Message
from mecai.vas.trust.directories import Directories

KNOWN: Final = 10  # certificates of the domain, the newest, whose CAs are told
LATER: Final = "untold: too many in a day"


@dataclass(frozen=True)
class ObjectionNews:
    """The handler of the outbox's messages about objections; `hold` is how long certificates wait."""

    log: CertificateLog
    directories: Directories
    mails: Mails
    hold: timedelta

    def __call__(self, message: Message, now: datetime) -> str:
        """Return who will be told; raises `HostError` while no directory says who the CAs are, `GivenUp`.

        Also `HostError`, when all others are to be told, where a CA had too many mails in a day: it is told later.
        """
        name, domain = bytes.fromhex(message.body["certificate"]), message.body["domain"]
        disputed = self.log.find(name)
        if disputed is None:
            raise GivenUp("the certificate has expired meanwhile")
        told: dict[bytes, tuple[str, str]] = {}
        for known, authority in self._concerned(disputed, domain, now):
            if authority.authority not in told:
                told[authority.authority] = authority.name, self._tell(authority, message, known, now)
        outcome = "; ".join(f"{name}: {what}" for name, what in told.values())
        if any(what == LATER for _, what in told.values()):
            raise HostError(outcome)
        return outcome or "untold: no directory knows its issuer"

    def _concerned(self, disputed: Logged, domain: str, now: datetime) -> Iterator[tuple[str | None, Authority]]:
        """Return its issuer, then those of other certificates for the domain, each with the one that it issued."""
        try:
            directories = self.directories.in_force(now)
        except Refusal as refusal:
            raise HostError(refusal.detail) from refusal
        for authority in issuers_of(disputed.chain, directories, now):
            yield None, authority
        for known in self.log.for_domain(domain, 1 + KNOWN):
            if known.der != disputed.der and known.disputed is None and hold_end(known, self.hold, now) is None:
                for authority in issuers_of(known.chain, directories, now):
                    yield hash_of(known.chain[0]).hex(), authority

    def _tell(self, authority: Authority, message: Message, known: str | None, now: datetime) -> str:
        if authority.mail is None:
            return "no address"
        body = {**message.body, "raised": message.created.isoformat(), "known": known}
        put = self.mails.put_to_ca(authority.mail.sender, body, now)
        return "to be told" if put else LATER


def issuers_of(
    chain: Sequence[x509.Certificate], directories: Sequence[Directory], now: datetime
) -> Iterator[Authority]:
    """Return the entries that list the key which issued an end entity, of the first directory that trusts its chain."""
    for directory in directories:
        try:
            path = validate_chain(chain[0], directory.anchored(chain[1:]), directory.anchors, None, now)
        except VerificationError:
            continue
        key = spki_hash(path[1])
        yield from (each for each in directory.authorities if key in {*map(spki_hash, each.roots), *each.subordinates})
        return
