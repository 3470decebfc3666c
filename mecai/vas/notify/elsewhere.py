"""A certificate that is known was seen at new addresses: have those told who were told of its domains (docs/spec H10).

Nobody is looked for: whoever passes a server's answers on has its certificate seen wherever he likes, as often as he
likes, and must not have registries and name servers asked by that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from mecai.errors import HostError
from mecai.service.deadline import Deadline
from mecai.vas.jobs.runner import GivenUp
from mecai.vas.notify.contacts import Contacts
from mecai.vas.notify.first_sight import domains_of
from mecai.vas.storage.addresses import AddressLog, Moved, Sighting
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.mails import Mails
from mecai.vas.storage.outbox import Message

SECONDS: Final = 10.0  # for the contacts of a domain, which the database knows
LISTED: Final = 100  # new addresses that a mail names, the first


@dataclass(frozen=True)
class Elsewhere:
    """The handler of the outbox's messages about new addresses."""

    log: CertificateLog
    remembered: Contacts
    mails: Mails
    addresses: AddressLog

    def __call__(self, message: Message, now: datetime) -> str:
        """Have those told who are remembered, and return how many addresses that was about; raises `GivenUp`.

        Raises `HostError` where nobody is yet, while the first mails about the certificate are under way.
        """
        name = bytes.fromhex(message.body["certificate"])
        logged = self.log.find(name)
        if logged is None:
            raise GivenUp("the certificate has expired meanwhile")
        moved = self.addresses.take(name, message.body["notice"])
        if not moved.new and not moved.is_full:
            return "empty: others had all"
        strangers = self._tell(logged.chain[0], {**message.body, **_told(moved)}, now)
        if strangers and self.mails.is_under_way(message.body["certificate"]):
            raise HostError("the first mails about the certificate are under way")
        unsaid = f"; nobody was told before about {', '.join(strangers)}" if strangers else ""
        return f"new addresses: {len(moved.new)}{unsaid}"

    def _tell(self, certificate: x509.Certificate, body: Mapping[str, Any], now: datetime) -> Sequence[str]:
        """Put the mails in; return the domains about which nobody was told before."""
        strangers = []
        for domain, host in domains_of(certificate).items():
            contacts = self.remembered.find(domain, Deadline(SECONDS)).contacts
            self.mails.put(domain, contacts, {**body, "name": host}, now)
            strangers += [] if contacts else [domain]
        return strangers


def _told(moved: Moved) -> dict[str, Any]:
    """Return what a mail says of them, as JSON's."""
    return {
        "addresses": [each.address for each in moved.new[:LISTED]],
        "holdEnd": None,  # a digest of the release before wants it
        "new": _lines(moved.new[:LISTED]),
        "more": len(moved.new[LISTED:]),
        "before": _lines(moved.before),
        "total": moved.total,
        "full": moved.is_full,
    }


def _lines(sightings: Sequence[Sighting]) -> list[str]:
    return [f"{each.address} since {each.first:%Y-%m-%d %H:%M:%S} UTC" for each in sightings]
