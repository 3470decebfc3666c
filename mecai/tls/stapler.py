"""What `mecai.tls.stapling` asks of the server whose handshakes it staples in."""

import ssl
from typing import Protocol


class Alert(Exception):
    """What is to end a handshake."""

    def __init__(self, description: ssl.AlertDescription, why: str) -> None:
        super().__init__(why)
        self.description = description


class Stapler(Protocol):
    """One connection of a server. Certificates are DER, of the end entity that this handshake shows."""

    def read(self, kind: int, data: bytes) -> None:
        """Read an extension of a ClientHello, the one that says what is wanted first; again for a second ClientHello.

        Raises `Alert`.
        """

    def staple(self, certificate: bytes) -> bytes | None:
        """Return an OCSP response for a client that asked for one, before `answer`."""

    def answer(self, certificate: bytes) -> bytes | None:
        """Return the octets of the answer for a client that sent the extension, None for no answer."""
