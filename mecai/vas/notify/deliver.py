"""The mails in the outbox, written, signed and handed to the relay, each under a Message-ID of its own for good."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from mecai.protocol.pki.identity import sha256
from mecai.vas.jobs.runner import GivenUp
from mecai.vas.notify.letter import (
    Letter,
    Signer,
    digest_letter,
    elsewhere_letter,
    first_sight_letter,
    objection_letter,
    signed_mail,
)
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.mails import DELIVERED, Mails
from mecai.vas.storage.outbox import Message

# `Relay.send`: sender, recipient, message.
Send = Callable[[str, str, bytes], None]
_MESSAGE_ID_DIGITS: Final = 32


@dataclass(frozen=True)
class Delivery:
    """What it takes to write and to hand over mail; `va` is the name by which the VA speaks of itself."""

    log: CertificateLog
    mails: Mails
    signer: Signer
    send: Send
    va: str

    def mail(self, message: Message, now: datetime) -> str:
        """Deliver the mail about one certificate; raises `HostError`, `GivenUp`."""
        del now
        body = message.body
        end = datetime.fromisoformat(body["holdEnd"]) if body["holdEnd"] else None
        letter = first_sight_letter(self._certificate(message), body["requester"], body["addresses"], end, self.va)
        return self._deliver(letter, message, body["to"])

    def elsewhere(self, message: Message, now: datetime) -> str:
        """Deliver the mail about new addresses of one certificate; raises `HostError`, `GivenUp`."""
        del now
        letter = elsewhere_letter(self._certificate(message), message.body, self.va)
        return self._deliver(letter, message, message.body["to"])

    def digest(self, message: Message, now: datetime) -> str:
        """Deliver the mail about all certificates of a day that were too many for a mail each; raises `HostError`."""
        part = self.mails.digest(message.body, now)
        if not part.untold:
            return "empty: others had all"
        letter = digest_letter(part, message.body["day"], message.body.get("part", 1), self.va)
        return self._deliver(letter, message, part.to)

    def objection(self, message: Message, now: datetime) -> str:
        """Deliver the mail to a CA about an objection; raises `HostError`, `GivenUp`."""
        del now
        body = message.body
        raised = datetime.fromisoformat(body["raised"])
        letter = objection_letter(self._certificate(message), body["domain"], raised, body["known"], self.va)
        return self._deliver(letter, message, body["to"])

    def _certificate(self, message: Message) -> x509.Certificate:
        """Return the certificate that a message is about; raises `GivenUp`."""
        logged = self.log.find(bytes.fromhex(message.body["certificate"]))
        if logged is None:
            raise GivenUp("the certificate has expired meanwhile")
        return logged.chain[0]

    def _deliver(self, letter: Letter, message: Message, recipient: str) -> str:
        name = sha256(f"{message.kind} {message.key}".encode()).hex()[:_MESSAGE_ID_DIGITS]
        message_id = f"{name}@{self.signer.sender.rpartition('@')[2]}"
        mail = signed_mail(letter, self.signer, recipient, message_id, message.created)
        self.send(self.signer.sender, recipient, mail)
        return DELIVERED
