"""Mails in the outbox: one for a certificate and a contact, so many a day for a domain and for an address (H3)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, select

from mecai.service.database import reading
from mecai.vas.storage.certificates import FIRST_SIGHT
from mecai.vas.storage.counts import count
from mecai.vas.storage.digests import Part, is_left, mailbox, put_untold, take_part
from mecai.vas.storage.outbox import is_in, put
from mecai.vas.storage.tables import ABOUT, OUTBOX

OWNER: Final = "owner"  # the kinds of message: the owner of one domain of a certificate is to be found,
AGAIN: Final = "owner-again"  # or is looked for again, by others: who is silent keeps nobody waiting who is new;
MAIL: Final = "mail"  # a mail to one contact about one certificate,
ELSEWHERE_MAIL: Final = "elsewhere-mail"  # a mail to one contact about new addresses of one (docs/spec H10),
TO_CA: Final = "objection-mail"  # a mail to a CA about an objection (docs/spec H9)
DELIVERED: Final = "delivered"  # the outcome
PER_DAY: Final = 20  # mails of one domain: to its owner, and to one CA
TO_ONE_ADDRESS: Final = 100  # mails to one address, of all domains: anybody may have his domains name it
ELSEWHERE: Final = 4  # the part of both that mails about new addresses have is one in so many
TO_ONE_CA: Final = 200  # mails to one CA, of all domains
_DAY: Final = timedelta(days=1)


class Mails:
    """The mails in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def seek_owners(self, domains: Iterable[str], body: Mapping[str, Any], now: datetime) -> None:
        """Put in that the owner of each domain is to be found who is told about the `certificate` of `body`."""
        with self._engine.begin() as connection:
            for domain in domains:
                put(connection, OWNER, f"{body['certificate']} {domain}", {**body, "domain": domain}, now, due=now)

    def seek_again(self, body: Mapping[str, Any], now: datetime, due: datetime) -> None:
        """Put in that the owner of the `domain` of `body` is to be looked for again."""
        with self._engine.begin() as connection:
            put(connection, AGAIN, f"{body['certificate']} {body['domain']}", body, now, due=due)

    def put(self, domain: str, contacts: Sequence[str], body: Mapping[str, Any], now: datetime) -> None:
        """Put in a mail to each contact of a domain about the `certificate` of `body`, or leave it to a digest.

        With a `notice` in `body`, it is about new addresses of that one (H10). Who is told already is left as he is.
        Each contact has a transaction of its own: whoever holds the counts of a domain and of an address waits for no
        further one.
        """
        for contact in contacts:
            with self._engine.begin() as connection:
                _put(connection, domain, contact, body, now)

    def digest(self, body: Mapping[str, Any], now: datetime) -> Part:
        """Return what the digest with this body is to tell; the same each time."""
        with self._engine.begin() as connection:
            count(connection, f"to {mailbox(body['to'])}", now)
            return take_part(connection, body, now)

    def put_to_ca(self, address: str, body: Mapping[str, Any], now: datetime) -> bool:
        """Put in a mail to a CA about the `certificate` of `body` and its `domain`; say no beyond so many in a day.

        One that is there already counts as put in. A domain's owner has certificates of his own to object to, as many
        as he likes: a domain is counted apart, so that his mails leave room for those about others.
        """
        of_domain = f"{body['domain']} {address}"
        key = f"{body['certificate']} {of_domain}"
        today = select(OUTBOX.c.key).where(
            OUTBOX.c.kind == TO_CA, OUTBOX.c.topic == address, OUTBOX.c.created > now - _DAY
        )
        there = select(OUTBOX.c.id).where(OUTBOX.c.kind == TO_CA, OUTBOX.c.key == key)
        with self._engine.begin() as connection:
            count(connection, f"to CA {address}", now)  # nobody else puts one in meanwhile
            if connection.execute(there).first() is not None:
                return True
            keys = connection.execute(today).scalars().all()
            if len(keys) >= TO_ONE_CA or sum(each.endswith(f" {of_domain}") for each in keys) >= PER_DAY:
                return False
            put(connection, TO_CA, key, {**body, "to": address}, now, due=now, topic=address)
        return True

    def is_under_way(self, certificate: str) -> bool:
        """Say whether somebody is still to be found, or to get his mail, who hears of a certificate (hex) at first."""
        due = OUTBOX.c.kind.in_((FIRST_SIGHT, OWNER, MAIL)), OUTBOX.c.due.isnot(None)
        with reading(self._engine) as connection:
            return connection.execute(select(OUTBOX.c.id).where(ABOUT.in_((certificate,)), *due)).first() is not None

    def known_contacts(self, domain: str, since: datetime) -> tuple[str, ...]:
        """Return whom a mail about a domain has reached since then."""
        reached = OUTBOX.c.kind == MAIL, OUTBOX.c.topic == domain, OUTBOX.c.created >= since
        found = select(OUTBOX.c.body).where(*reached, OUTBOX.c.outcome == DELIVERED).order_by(OUTBOX.c.id)
        with reading(self._engine) as connection:
            return tuple(dict.fromkeys(json.loads(body)["to"] for body in connection.execute(found).scalars()))


def _put(connection: Connection, domain: str, contact: str, body: Mapping[str, Any], now: datetime) -> None:
    about, to = (f"about {domain}", PER_DAY), (f"to {mailbox(contact)}", TO_ONE_ADDRESS)
    kind, key, bounds = MAIL, f"{body['certificate']} {contact}", [about, to]
    if "notice" in body:  # they are cheap to cause, and leave room for those that matter more
        kind, key = ELSEWHERE_MAIL, f"{key} of {body['notice']}"
        bounds += [(f"{what} elsewhere", most // ELSEWHERE) for what, most in (about, to)]
    full = [count(connection, what, now) >= most for what, most in bounds]
    if is_in(connection, kind, key) or is_left(connection, domain, contact, body):
        return
    if any(full):
        put_untold(connection, domain, contact, body, now)
    else:
        put(connection, kind, key, {**body, "to": contact}, now, due=now, topic=domain)
        for what, _ in bounds:
            count(connection, what, now, 1)
