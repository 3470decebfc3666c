"""A certificate was seen for the first time: find out whom to tell, and put a mail to each in the outbox (H3).

The mails of one domain are bounded by the day; what is beyond goes into one digest at its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509

from mecai.errors import HostError, InputError
from mecai.protocol.pki.names import dns_names, host_name
from mecai.protocol.selection import registrable_domain
from mecai.service.deadline import Deadline
from mecai.vas.hold.first_seen import hold_end
from mecai.vas.jobs.runner import GivenUp
from mecai.vas.notify.contacts import Contacts, Found
from mecai.vas.storage.certificates import CertificateLog, Logged
from mecai.vas.storage.mails import Mails
from mecai.vas.storage.outbox import Message

DOMAINS: Final = 16  # registered domains of one certificate whose owners are told
SECONDS: Final = 240.0  # for finding all of them: less than the outbox's lease, or another worker would begin anew


@dataclass(frozen=True)
class FirstSight:
    """The handler of the outbox's messages about first sights; `hold` is how long certificates wait."""

    log: CertificateLog
    contacts: Contacts
    mails: Mails
    hold: timedelta

    def __call__(self, message: Message, now: datetime) -> str:
        """Return who will be told; raises `HostError` while a source is silent and nobody else is known."""
        logged = self.log.find(bytes.fromhex(message.body["certificate"]))
        if logged is None:
            raise GivenUp("the certificate has expired meanwhile")
        domains, deadline = domains_of(logged.chain[0]), Deadline(SECONDS)
        told = []
        for place, domain in enumerate(domains):
            found = self.contacts.find(domain, deadline.share(len(domains) - place))
            told.append(self._tell(domain, found, logged, message, now))
        return "; ".join(told) or "unnotified: no DNS name"

    def _tell(self, domain: str, found: Found, logged: Logged, message: Message, now: datetime) -> str:
        if not found.contacts:
            if not found.complete:
                raise HostError(f"{domain}: nobody could be asked whom to tell")
            return f"{domain}: unnotified"
        body = self._body(logged, message, now)
        self.mails.put(domain, found.contacts, body, now)
        return f"{domain}: {len(found.contacts)} to be told"

    def _body(self, logged: Logged, message: Message, now: datetime) -> dict[str, Any]:
        end = hold_end(logged, self.hold, now)
        return {
            "certificate": message.body["certificate"],
            "requester": message.body["requester"],
            "addresses": message.body["addresses"],
            "holdEnd": end.isoformat() if end else None,
        }


def domains_of(certificate: x509.Certificate) -> Sequence[str]:
    """Return the registered domains of a certificate's DNS names, at most `DOMAINS`."""
    return tuple(dict.fromkeys(_registered(dns_names(certificate))))[:DOMAINS]


def _registered(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        try:
            yield registrable_domain(host_name(name.removeprefix("*.")))
        except InputError:
            continue  # nobody owns what is no host name
