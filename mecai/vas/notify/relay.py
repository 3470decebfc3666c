"""Handing a message to the operator's mail relay (RFC 5321), bounded in time."""

import smtplib
from contextlib import closing, suppress
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
        """Hand over one message for one recipient; raises `HostError`, or `GivenUp` for what is refused for good.

        That is the recipient or the message alone: what else a relay refuses, such as this host, its operator may mend.
        """
        try:
            with closing(smtplib.SMTP(self.host, self.port, timeout=SECONDS)) as connection:
                if self.starttls:
                    connection.starttls(context=trusting(self.roots))
                connection.sendmail(sender, [recipient], message)
                # It has the message: whatever it says from here on, another time would be once too often.
                with suppress(OSError, smtplib.SMTPException):
                    connection.docmd("QUIT")
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refusal(*error.recipients[recipient]) from error
        except smtplib.SMTPDataError as error:
            raise self._refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPResponseException as error:
            raise HostError(self._said(error.smtp_code, error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise HostError(f"the relay {self.host}: {words(error)}") from error

    def _refusal(self, code: int, text: bytes | str) -> HostError | GivenUp:
        return (GivenUp if code in _FOR_GOOD else HostError)(self._said(code, text))

    def _said(self, code: int, text: bytes | str) -> str:
        return (
            f"the relay {self.host} says {code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
        )
