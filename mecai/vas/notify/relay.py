"""Handing a message to the operator's mail relay (RFC 5321), bounded in time."""

import smtplib
from dataclasses import dataclass
from typing import Final

from mecai.errors import HostError
from mecai.net.web import Roots, trusting
from mecai.service.printable import words
from mecai.vas.jobs.runner import GivenUp

SECONDS: Final = 30.0  # for each answer of the relay
_FOR_GOOD: Final = range(500, 600)  # RFC 5321 section 4.2.1


@dataclass(frozen=True)
class Relay:
    """A relay that takes mail from this host.

    With `starttls` its certificate must chain to `roots`, or to what this host trusts.
    """

    host: str
    port: int = 25
    starttls: bool = False
    roots: Roots = None

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Hand over one message for one recipient; raises `HostError`, or `GivenUp` for what is refused for good."""
        try:
            with smtplib.SMTP(self.host, self.port, timeout=SECONDS) as connection:
                if self.starttls:
                    connection.starttls(context=trusting(self.roots))
                connection.sendmail(sender, [recipient], message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients[recipient]
            raise _refusal(code, text, self) from error
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error, self) from error
        except (OSError, smtplib.SMTPException) as error:
            raise HostError(f"the relay {self.host}: {words(error)}") from error


def _refusal(code: int, text: bytes | str, relay: Relay) -> HostError | GivenUp:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    kind = GivenUp if code in _FOR_GOOD else HostError
    return kind(f"the relay {relay.host} says {code} {said}")
