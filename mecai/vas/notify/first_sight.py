"""A certificate was seen for the first time: find out whom to tell, and put a mail to each in the outbox (H3).

Of each registered domain in it by itself: what is found out about one neither waits for the others nor depends on them.
"""

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
from mecai.vas.storage.unnotified import UnnotifiedLog

FIRST_SECONDS: Final = 10.0  # for a domain's contacts, the first time,
SECONDS: Final = 60.0  # and later on; less than the outbox's lease, or another worker would begin anew


@dataclass(frozen=True)
class FirstSight:
    """The handler of the outbox's messages about first sights; `hold` is how long certificates wait."""

    log: CertificateLog
    remembered: Contacts
    mails: Mails
    hold: timedelta

    def __call__(self, message: Message, now: datetime) -> str:
        """Have those told who are remembered, and the owner of each domain found; raises `GivenUp`.

        Who is remembered waits for no look-up, however many others somebody has put in the way.
        """
        logged = _logged(self.log, message)
        names = domains_of(logged.chain[0])
        for domain, name in names.items():
            contacts = self.remembered.find(domain, Deadline(SECONDS)).contacts
            self.mails.put(domain, contacts, _body(logged, message, name, self.hold, now), now)
        self.mails.seek_owners(names, message.body, now)
        return f"owners to be found: {len(names)}" if names else "unnotified: no DNS name"


@dataclass(frozen=True)
class Owner:
    """The handler of the outbox's messages about the owner of one domain; `hold` is how long certificates wait."""

    log: CertificateLog
    contacts: Contacts
    mails: Mails
    unnotified: UnnotifiedLog
    hold: timedelta

    def __call__(self, message: Message, now: datetime) -> str:
        """Have those told who are known, and return how many; raises `HostError` while a source is silent, `GivenUp`.

        Those that it would name may be the only ones who are not a thief's. Who is told already is told once. After the
        first time, which is short, it is asked again by another message.
        """
        domain, logged, is_first = message.body["domain"], _logged(self.log, message), message.kind == OWNER
        found = self.contacts.find(domain, Deadline(FIRST_SECONDS if is_first else SECONDS))
        name = domains_of(logged.chain[0])[domain]
        body = _body(logged, message, name, self.hold, now)
        self.mails.put(domain, found.contacts, body, now)
        if found.contacts:
            self.unnotified.withdraw(domain, body["certificate"])
        else:
            self.unnotified.note(domain, body, now)
        said = f"{len(found.contacts)} to be told" if found.contacts else "unnotified"
        if found.complete:
            return said
        said = f"{said}; others may be: a source is silent"
        if not is_first:
            raise HostError(said)
        self.mails.seek_again(message.body, now, now + FIRST_PAUSE)
        return said


def domains_of(certificate: x509.Certificate) -> dict[str, str]:
    """Return the registered domains of a certificate's DNS names, and of each the first name."""
    found: dict[str, str] = {}
    for name in dns_names(certificate):
        try:
            found.setdefault(registrable_domain(host_name(name.removeprefix("*."))), name)
        except InputError:
            continue  # nobody owns what is no host name
    return found


def _body(logged: Logged, message: Message, name: str, hold: timedelta, now: datetime) -> dict[str, Any]:
    end = hold_end(logged, hold, now)
    return {
        "certificate": message.body["certificate"],
        "name": name,
        "requester": message.body["requester"],
        "addresses": message.body["addresses"],
        "holdEnd": end.isoformat() if end else None,
    }


def _logged(log: CertificateLog, message: Message) -> Logged:
    logged = log.find(bytes.fromhex(message.body["certificate"]))
    if logged is None:
        raise GivenUp("the certificate has expired meanwhile")
    return logged
