"""The signed directory as it lies in a file, and the record of the newest one that was accepted (docs/spec, D2, D3).

Whoever trusts a publisher's directory reads it through here: an old one, or another of the same number, is refused even
after a restart, and so is one by a key that an accepted directory has left behind. The record is on disk before the
directory is used.
"""

import base64
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import HostError, Malformed
from mecai.protocol.codec.cms import parse_signed_content
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.oids import ID_CT_DIRECTORY
from mecai.protocol.pki import certificates
from mecai.protocol.pki.identity import sha256
from mecai.service import durable
from mecai.service.pem import load_certificates

Certificates = tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class _Record:
    """What outlives a restart: the newest file accepted, the pins that follow it, the highest of each context.

    All in one, since pins that held for one context alone would let a key left behind sign another context.
    """

    file: bytes = b""  # SHA-256 over its octets
    pins: Certificates = ()  # empty as long as no accepted directory named any: the publishers' file counts
    highest: dict[str, tuple[int, bytes]] = field(default_factory=dict)  # sequence and hash by context


def read_directory(path: Path, publishers: Path, records: Path, now: datetime | None) -> Directory:
    """Read the directory at `path`; `records` is a folder of the reader's own.

    One of `publishers` signed it, until an accepted directory names other pins (D2): from then on, one of those. `now`
    None leaves its time unchecked, for a reader that says so itself. Raises `VerificationError` for what no publisher
    signed, what is expired, and what is older than an earlier one; `HostError`, `InputError`.
    """
    first_pins = load_certificates(publishers)
    with durable.host_errors(path, "read"):
        encoded = path.read_bytes()
    with _locked(records):
        file = records / "directory.json"
        record = _read_record(file)
        if record.file == sha256(encoded):  # a newer pin may have replaced the one that it was accepted by
            return parse_directory(encoded, [_signer(encoded)], now, None)
        pins = record.pins or first_pins
        context = parse_directory(encoded, pins, now, None).context
        directory = parse_directory(encoded, pins, now, record.highest.get(context))
        highest = record.highest | {context: (directory.sequence, directory.hash)}
        _write_record(file, _Record(sha256(encoded), directory.publishers or record.pins, highest))
    return directory


def _signer(encoded: bytes) -> x509.Certificate:
    return parse_signed_content(encoded, ID_CT_DIRECTORY, LIMITS.directory_size).certificate


def _read_record(path: Path) -> _Record:
    """Return what is remembered; an empty record if there was never a directory."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _Record(
            file=bytes.fromhex(found["file"]),
            pins=tuple(certificates.load(base64.b64decode(pin, validate=True), "pin") for pin in found["pins"]),
            highest={name: (int(number), bytes.fromhex(known)) for name, (number, known) in found["highest"].items()},
        )
    except FileNotFoundError:
        return _Record()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Malformed) as error:
        advice = "restore it, or remove it to trust the directory at hand and the publishers' file anew"
        raise HostError(f"{path}: is no record of an accepted directory ({error}); {advice}") from error


def _write_record(path: Path, record: _Record) -> None:
    content = {
        "file": record.file.hex(),
        "pins": [base64.b64encode(pin.public_bytes(Encoding.DER)).decode() for pin in record.pins],
        "highest": {context: (sequence, known.hex()) for context, (sequence, known) in record.highest.items()},
    }
    durable.replace(path, json.dumps(content).encode(), durable.SECRET)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone."""
    with durable.host_errors(folder, "written"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "directory.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
