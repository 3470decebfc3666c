"""A VA's worker whose sources and relay are played, for tests of who is told, and of how."""

import email
from datetime import timedelta
from email.message import Message as Mail
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import Engine, select

from mecai.errors import HostError
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import hash_of
from mecai.vas.config import ContextSource, MailSettings, VasConfig
from mecai.vas.notify.contacts import Source
from mecai.vas.notify.deliver import Send
from mecai.vas.storage.certificates import SETTLED_AFTER, CertificateLog
from mecai.vas.storage.counts import COUNT
from mecai.vas.storage.mails import Mails
from mecai.vas.storage.tables import OUTBOX
from mecai.vas.worker import make_notifier
from tests.pki import DAY, NOW, Hierarchy, Issued, issue, key, leaf_extensions

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
SITE = ALDER.server("www.example.test", "example.test")
_FOR_MAIL = leaf_extensions(ExtendedKeyUsageOID.EMAIL_PROTECTION)
NOTARY = issue("notary@birch.test", key("notary"), BIRCH.root, _FOR_MAIL, span=(NOW - DAY, NOW + 300 * DAY))
NO_DIRECTORY = ContextSource("MOZ", Path("/nonexistent"), Path("/nonexistent"))
MINUTE = timedelta(minutes=1)
BODY = {"certificate": hash_of(SITE.certificate).hex(), "requester": "192.0.2.7", "addresses": ["198.18.0.1"]}


class Post:
    """A VA's worker with played sources and a played relay."""

    def __init__(self, engine: Engine, folder: Path, directory: ContextSource = NO_DIRECTORY) -> None:
        self.now = NOW
        self.engine = engine
        self.log, self.mails = CertificateLog(engine), Mails(engine)
        self.known: dict[str, tuple[str, ...] | HostError] = {"example.test": ("owner@example.test",)}
        self.sent: list[tuple[str, str, bytes]] = []
        self.relay: list[Exception] = []  # what it says to the next ones
        settings = MailSettings("notary@birch.test", folder / "key.pem", folder / "certificate.pem", "mail.birch.test")
        settings.key.touch(0o600)
        settings.key.write_bytes(NOTARY.key_pem)
        settings.certificate.write_bytes(NOTARY.pem)
        nothing = Path("/nonexistent")
        self._config = VasConfig(nothing, nothing, "sqlite://", (directory,), nothing, mail=settings)
        self.employ(self.look_up)

    def employ(self, *sources: Source, send: Send | None = None) -> None:
        """Let the worker ask these, and hand mail over by this."""
        self.runner = make_notifier(self._config, self.engine, lambda: self.now, sources, send or self._send)

    def look_up(self, domain: str, _deadline: object) -> tuple[str, ...]:
        """Say who is known for a domain."""
        found = self.known.get(domain, ())
        if isinstance(found, HostError):
            raise found
        return found

    def _send(self, sender: str, recipient: str, message: bytes) -> None:
        if self.relay:
            raise self.relay.pop(0)
        self.sent.append((sender, recipient, message))

    def see(self, server: Issued = SITE) -> None:
        """Let a probe see a certificate."""
        addresses = (bytes([198, 18, 0, 1]), bytes([198, 18, 0, 2]))
        self.log.sight(VoucherRequest(server.der, server.chain_der[1:], addresses, 443), "192.0.2.7", self.now)

    def tell(self) -> None:
        """Do what is due when the request that saw it is over."""
        self.now += SETTLED_AFTER
        self.runner.run()

    def outcomes(self) -> dict[str, list[str]]:
        """Return what came of the messages, by kind."""
        found: dict[str, list[str]] = {}
        with self.engine.connect() as connection:
            for row in connection.execute(select(OUTBOX).where(OUTBOX.c.kind != COUNT).order_by(OUTBOX.c.id)):
                found.setdefault(row.kind, []).append(row.outcome)
        return found


def inner(message: bytes) -> Mail:
    part = email.message_from_bytes(message).get_payload(0)
    assert isinstance(part, Mail)
    return part
