"""The mails among the outbox's messages: one for a certificate and a contact, so many a day for a domain (H3)."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, func, select

from mecai.service.database import reading
from mecai.vas.storage.outbox import put
from mecai.vas.storage.tables import OUTBOX

OWNER: Final = "owner"  # the kinds of message: the owner of one domain of a certificate is to be found,
MAIL: Final = "mail"  # a mail to one contact about one certificate,
DIGEST: Final = "digest"  # one about all of a day that were too many,
UNTOLD: Final = "untold"  # and each of those
TO_CA: Final = "objection-mail"  # a mail to a CA about an objection (docs/spec H9)
DELIVERED: Final = "delivered"  # the outcome
PER_DAY: Final = 20  # mails of one domain: to its owner, and to one CA
TO_ONE_CA: Final = 200  # mails to one CA, of all domains
_DAY: Final = timedelta(days=1)


class Mails:
    """The mails in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def seek_owners(self, domains: Sequence[str], body: Mapping[str, Any], now: datetime) -> None:
        """Put in that the owner of each domain is to be found who is told about the `certificate` of `body`."""
        with self._engine.begin() as connection:
            for domain in domains:
                put(connection, OWNER, f"{body['certificate']} {domain}", {**body, "domain": domain}, now, due=now)

    def put(self, domain: str, contacts: Sequence[str], body: Mapping[str, Any], now: datetime) -> None:
        """Put in a mail to each contact of a domain about the `certificate` of `body`, or note it for a digest.

        Who is told already, or will be by a digest, is left as he is.
        """
        of_domain = OUTBOX.c.kind == MAIL, OUTBOX.c.topic == domain, OUTBOX.c.created > now - _DAY
        end = now.replace(hour=0, minute=0, second=0) + _DAY
        with self._engine.begin() as connection:
            sent: int = connection.execute(select(func.count()).select_from(OUTBOX).where(*of_domain)).scalar_one()
            for place, contact in enumerate(contacts):
                key, words = f"{body['certificate']} {contact}", {**body, "to": contact}
                if connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.kind == MAIL, OUTBOX.c.key == key)).first():
                    continue
                if sent + place < PER_DAY:
                    put(connection, MAIL, key, words, now, due=now, topic=domain)
                    continue
                put(connection, UNTOLD, key, words, now, due=None, topic=domain)
                digest = {"to": contact, "domain": domain, "day": f"{now:%Y-%m-%d}"}
                put(connection, DIGEST, f"{domain} {now:%Y-%m-%d} {contact}", digest, now, due=end, topic=domain)

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
            if connection.execute(there).first() is not None:
                return True
            keys = connection.execute(today).scalars().all()
            if len(keys) >= TO_ONE_CA or sum(each.endswith(f" {of_domain}") for each in keys) >= PER_DAY:
                return False
            put(connection, TO_CA, key, {**body, "to": address}, now, due=now, topic=address)
        return True

    def known_contacts(self, domain: str, since: datetime) -> tuple[str, ...]:
        """Return whom a mail about a domain has reached since then."""
        reached = OUTBOX.c.kind == MAIL, OUTBOX.c.topic == domain, OUTBOX.c.created >= since
        found = select(OUTBOX.c.body).where(*reached, OUTBOX.c.outcome == DELIVERED).order_by(OUTBOX.c.id)
        with reading(self._engine) as connection:
            return tuple(dict.fromkeys(json.loads(body)["to"] for body in connection.execute(found).scalars()))

    def untold(self, domain: str, contact: str, day: str) -> tuple[str, ...]:
        """Return the certificates (hex) of a domain and a day that a contact was not told of one by one."""
        kept = select(OUTBOX.c.body, OUTBOX.c.created).where(OUTBOX.c.kind == UNTOLD, OUTBOX.c.topic == domain)
        with reading(self._engine) as connection:
            rows = connection.execute(kept.order_by(OUTBOX.c.id)).all()
        bodies = [json.loads(row.body) for row in rows if f"{row.created:%Y-%m-%d}" == day]
        return tuple(body["certificate"] for body in bodies if body["to"] == contact)
