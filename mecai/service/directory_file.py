"""The signed directory as it lies in a file, and the record of the newest one that was accepted (docs/spec, D2, D3).

Whoever trusts a publisher's directory reads it through here: an old one, or another of the same number, is refused even
after a restart, and so is one by a key that an accepted directory has left behind. The record is on disk before the
directory is used.
"""

from datetime import datetime
from pathlib import Path

from mecai.errors import HostError, Malformed
from mecai.protocol.acceptance import Record, accept
from mecai.protocol.objects.authorities import Directory
from mecai.service import durable
from mecai.service.locks import locked
from mecai.service.named import read_named
from mecai.service.pem import load_certificates


def read_directory(
    path: Path, publishers: Path, records: Path, now: datetime, *, even_expired: bool = False
) -> Directory:
    """Read the directory at `path`; `records` is a folder of the reader's own.

    One of `publishers` signed it, until an accepted directory names other pins (D2): from then on, one of those.
    `even_expired` is for a reader that says so itself. Raises `VerificationError` for what no publisher signed, what is
    out of its time, and what is older than an earlier one; `HostError`, `InputError`.
    """
    pins = load_certificates(publishers)
    with durable.host_errors(path, "read"):
        octets = read_named(path)
    with locked(records / "directory.lock"):
        file = records / "directory.json"
        record = _read_record(file)
        directory, following = accept(record, octets, now, pins, even_expired=even_expired)
        if following != record:
            durable.replace(file, following.encode(), durable.SECRET)
    return directory


def _read_record(path: Path) -> Record:
    """Return what is remembered; an empty record if there was never a directory. Raises `HostError`."""
    try:
        return Record.decode(path.read_bytes())
    except FileNotFoundError:
        return Record()
    except (OSError, Malformed) as error:
        advice = "restore it, or remove it to trust the directory at hand and the publishers' file anew"
        raise HostError(f"{path}: is no record of an accepted directory ({error}); {advice}") from error
