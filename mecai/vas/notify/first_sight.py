"""A certificate was seen for the first time: find out whom to tell, and put a mail to each in the outbox (H3).

Of each registered domain in it by itself: what is found out about one neither waits for the others nor depends on them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509

from mecai.errors import HostError, InputError
from mecai.protocol.pki.names import dns_names, host_name
from mecai.protocol.selection import registrable_domain
from mecai.service.deadline import Deadline
from mecai.vas.hold.first_seen import hold_end
from mecai.vas.jobs.runner import FIRST_PAUSE, GivenUp
from mecai.vas.notify.contacts import Contacts
from mecai.vas.storage.certificates import CertificateLog, Logged
from mecai.vas.storage.mails import OWNER, Mails
from mecai.vas.storage.outbox import Message

FIRST_SECONDS: Final = 10.0  # for a domain's contacts, the first time,
SECONDS: Final = 60.0  # and later on; less than the outbox's lease, or another worker would begin anew


@dataclass(frozen=True)
class FirstSight:
    """The handler of the outbox's messages about first sights."""

    log: CertificateLog
    mails: Mails

    def __call__(self, message: Message, now: datetime) -> str:
        """Have the owner of each domain found; returns of how many. Raises `GivenUp`."""
        domains = domains_of(_logged(self.log, message).chain[0])
        self.mails.seek_owners(domains, message.body, now)
        return f"owners to be found: {len(domains)}" if domains else "unnotified: no DNS name"


@dataclass(frozen=True)
class Owner:
    """The handler of the outbox's messages about the owner of one domain; `hold` is how long certificates wait."""

    log: CertificateLog
    contacts: Contacts
    mails: Mails
    hold: timedelta

    def __call__(self, message: Message, now: datetime) -> str:
        """Have those told who are known, and return how many; raises `HostError` while a source is silent, `GivenUp`.

        Those that it would name may be the only ones who are not a thief's. Who is told already is told once. After the
        first time, which is short, it is asked again by another message.
        """
        domain, logged, is_first = message.body["domain"], _logged(self.log, message), message.kind == OWNER
        found = self.contacts.find(domain, Deadline(FIRST_SECONDS if is_first else SECONDS))
        self.mails.put(domain, found.contacts, self._body(logged, message, now), now)
        said = f"{len(found.contacts)} to be told" if found.contacts else "unnotified"
        if found.complete:
            return said
        said = f"{said}; others may be: a source is silent"
        if not is_first:
            raise HostError(said)
        self.mails.seek_again(message.body, now, now + FIRST_PAUSE)
        return said

    def _body(self, logged: Logged, message: Message, now: datetime) -> dict[str, Any]:
        end = hold_end(logged, self.hold, now)
        return {
            "certificate": message.body["certificate"],
            "name": next(name for name in dns_names(logged.chain[0]) if message.body["domain"] in _registered([name])),
            "requester": message.body["requester"],
            "addresses": message.body["addresses"],
            "holdEnd": end.isoformat() if end else None,
        }


def domains_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the registered domains of a certificate's DNS names, each once."""
    return tuple(dict.fromkeys(_registered(dns_names(certificate))))


def _logged(log: CertificateLog, message: Message) -> Logged:
    logged = log.find(bytes.fromhex(message.body["certificate"]))
    if logged is None:
        raise GivenUp("the certificate has expired meanwhile")
    return logged


def _registered(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        try:
            yield registrable_domain(host_name(name.removeprefix("*.")))
        except InputError:
            continue  # nobody owns what is no host name
