"""What the server and the signer say to each other over a Unix socket: one question, one answer, again and again.

    frame    = length (2 octets, big-endian) body
    question = purpose (1 octet) SHA-256 of the VA's certificate (32 octets) content
    answer   = 0 signature | 1 why it is refused (UTF-8)

The content is the DER VoucherInfo or ExpediteStatement, never octets that are to be signed as they are: what a
signature covers, the signer makes of it (docs/spec O2).
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Protocol

from mecai.errors import Malformed
from mecai.protocol import oids
from mecai.protocol.pki.identity import HASH_SIZE
from mecai.service.deadline import Deadline

LONGEST: Final = 8 * 1024  # octets of a body: a VoucherInfo has 4 KiB at most, a statement's reason as much
_LENGTH: Final = struct.Struct(">H")
_SIGNED, _REFUSED = b"\x00", b"\x01"


class Purpose(IntEnum):
    """What a question is about: whether the signer has the key of a certificate, or a signature of one kind."""

    READY = 0
    VOUCHER = 1
    EXPEDITE = 2


CONTENT_TYPES: Final[Mapping[Purpose, str]] = MappingProxyType(
    {Purpose.VOUCHER: oids.ID_CT_VOUCHER_INFO, Purpose.EXPEDITE: oids.ID_CT_EXPEDITE_STATEMENT}
)


class Signing(Protocol):
    """Who signs with the VA's key: `Credential`, which has it, or `Connection`, which asks."""

    def sign(self, purpose: Purpose, content: bytes) -> bytes:
        """Return the signature over the DER content of a kind; raises `HostError`."""
        ...

    def require_ready(self) -> None:
        """Raise `HostError` unless it would sign now."""
        ...


@dataclass(frozen=True)
class Question:
    """A question about the key whose certificate has this hash."""

    purpose: Purpose
    certificate: bytes
    content: bytes = b""

    def encode(self) -> bytes:
        """Return the body."""
        return bytes([self.purpose]) + self.certificate + self.content

    @classmethod
    def decode(cls, body: bytes) -> "Question":
        """Read a body; raises `Malformed`."""
        if len(body) <= HASH_SIZE:
            raise Malformed(f"question: {len(body)} octets, expected more than {HASH_SIZE}")
        try:
            purpose = Purpose(body[0])
        except ValueError as error:
            raise Malformed(f"question: purpose {body[0]} is unknown") from error
        return cls(purpose, body[1 : 1 + HASH_SIZE], body[1 + HASH_SIZE :])


@dataclass(frozen=True)
class Answer:
    """A signature, empty for `READY`, or why there is none."""

    signature: bytes = b""
    refusal: str = ""

    def encode(self) -> bytes:
        """Return the body."""
        return _REFUSED + self.refusal.encode()[: LONGEST - 1] if self.refusal else _SIGNED + self.signature

    @classmethod
    def decode(cls, body: bytes) -> "Answer":
        """Read a body; raises `Malformed`."""
        match body[:1]:
            case b"\x00":
                return cls(signature=body[1:])
            case b"\x01":
                return cls(refusal=body[1:].decode(errors="replace") or "no reason given")
        raise Malformed("answer: neither a signature nor a refusal")


def send(connection: socket.socket, body: bytes, deadline: Deadline) -> None:
    """Send a frame; raises `Malformed` for one that is too long, and `OSError`."""
    if len(body) > LONGEST:
        raise Malformed(f"{len(body)} octets, more than the {LONGEST} allowed")
    connection.settimeout(deadline.require())
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket, deadline: Deadline) -> bytes:
    """Return the body of the next frame; raises `Malformed` for one too long, and `OSError`, also where it ends."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, deadline))
    if length > LONGEST:
        raise Malformed(f"{length} octets, more than the {LONGEST} allowed")
    return _exactly(connection, length, deadline)


def _exactly(connection: socket.socket, size: int, deadline: Deadline) -> bytes:
    found = b""
    while len(found) < size:
        connection.settimeout(deadline.require())
        if not (more := connection.recv(size - len(found))):
            raise ConnectionResetError("the other side closed")
        found += more
    return found
