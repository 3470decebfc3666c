"""Whether a directory may be used by a reader who has used others before (docs/spec, D2 to D4): one acceptance for all.

`accept` is pure: what the reader remembers goes in, the directory and what is to be remembered from now on come out.
The reader keeps the record (a file, a database), safely before the directory is used (D3): a crash forgets nothing.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import VerificationError
from mecai.protocol.codec import strict_json
from mecai.protocol.codec.strict_json import Members
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory, signer_of
from mecai.protocol.pki.identity import HASH_SIZE, sha256, spki_hash

_WHAT: Final = "record of accepted directories"
_NOTHING: Final = bytes(HASH_SIZE)
Certificates = Sequence[x509.Certificate]


@dataclass(frozen=True)
class Newest:
    """The newest directory of one trust context: its sequence, and its hash (`Directory.hash`)."""

    sequence: int
    hash: bytes


@dataclass(frozen=True)
class Record:
    """What a reader remembers of the directories that it has accepted.

    One record for each set of first pins. A client with one publisher keeps one for all contexts that this publisher
    signs: were its pins kept for each context, a key that was left behind in one could sign another. A VAS, whose
    operator pins a publisher for each context (X1), keeps one record for each.
    """

    accepted: bytes = _NOTHING  # SHA-256 over the signed octets that were accepted last
    pins: tuple[x509.Certificate, ...] = ()  # those that an accepted directory named; none: the reader's first ones
    newest: Mapping[str, Newest] = field(default_factory=dict)  # by context
    first: bytes = b""  # SHA-256 over the SPKI hashes of the first pins, in order of size; empty where none was kept

    def encode(self) -> bytes:
        """Return the record as JSON, the form in which it is kept."""
        newest = [
            {"context": context, "sequence": each.sequence, "hash": each.hash.hex()}
            for context, each in sorted(self.newest.items())
        ]
        pins = [base64.b64encode(pin.public_bytes(Encoding.DER)).decode() for pin in self.pins]
        first = {"first": self.first.hex()} if self.first else {}
        return json.dumps({"accepted": self.accepted.hex(), "pins": pins, "newest": newest, **first}).encode()

    @classmethod
    def decode(cls, encoded: bytes) -> "Record":
        """Return the record that was encoded; raises `Malformed`: a damaged record is no new beginning."""
        members = Members(strict_json.load(encoded, _WHAT), _WHAT)
        return cls(
            accepted=members.hex("accepted", HASH_SIZE),
            pins=members.certificates("pins"),
            newest=dict(members.objects("newest", _decode_newest)),
            first=members.hex("first", HASH_SIZE) if "first" in members else b"",
        )


def accept(
    record: Record, octets: bytes, now: datetime | None, first_pins: Certificates, *, even_expired: bool = False
) -> tuple[Directory, Record]:
    """Return the directory in the signed `octets`, and the record to keep before it is used.

    One of `first_pins` signed it, until an accepted directory names other pins: from then on, one of those (D2). What
    was accepted last stays so, although it left its own signer behind. Where the first pins are others than before,
    only the numbers of what was accepted count. `now` and `even_expired`: see `parse_directory`; without `now`, one
    from the future would block those that follow. Raises `VerificationError` under rules D1 to D4.
    """
    record = _begun_with(first_pins, record)
    if record.accepted == sha256(octets):
        return parse_directory(octets, [signer_of(octets)], now, even_expired=even_expired), record
    directory = parse_directory(octets, record.pins or first_pins, now, even_expired=even_expired)
    _check_sequence(directory, record.newest.get(directory.context))
    newest = {**record.newest, directory.context: Newest(directory.sequence, directory.hash)}
    return directory, Record(sha256(octets), directory.publishers or record.pins, newest, record.first)


def _begun_with(first_pins: Certificates, record: Record) -> Record:
    """Return the record, without what hangs on other first pins: a thief of theirs may have signed that (rule D2)."""
    first = sha256(b"".join(sorted(map(spki_hash, first_pins))))
    if record.first and record.first != first:
        return Record(newest=record.newest, first=first)
    return replace(record, first=first)


def _check_sequence(directory: Directory, newest: Newest | None) -> None:
    """Refuse an older directory, and another one of the same number (rule D3)."""
    if newest is None:
        return
    if directory.sequence < newest.sequence:
        detail = f"sequence {directory.sequence}, but {newest.sequence} was already accepted"
        raise VerificationError("directory-rollback", "D3", detail)
    if directory.sequence == newest.sequence and directory.hash != newest.hash:
        detail = f"sequence {newest.sequence} was accepted with other content"
        raise VerificationError("directory-equivocation", "D3", detail)


def _decode_newest(members: Members) -> tuple[str, Newest]:
    return members.text("context"), Newest(members.integer("sequence"), members.hex("hash", HASH_SIZE))
