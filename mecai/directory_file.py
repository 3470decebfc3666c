"""The signed directory as it lies in a file, and the record of how new the newest one was (docs/spec, D3).

Whoever trusts a publisher's directory reads it through here: an old one, or another of the same number, is refused even
after a restart. The record is on disk before the directory is used.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mecai import durable
from mecai.pem import load_certificates
from mecai.protocol.authorities import Directory
from mecai.protocol.directory import parse_directory
from mecai.protocol.errors import HostError


def read_directory(path: Path, publishers: Path, records: Path, now: datetime | None) -> Directory:
    """Read the directory at `path`, signed by one of `publishers`; `records` is a folder of the reader's own.

    `now` None leaves its time unchecked, for a reader that says so itself. Raises `VerificationError` for what no
    publisher signed, what is expired, and what is older than an earlier one; `HostError`, `InputError`.
    """
    pins = load_certificates(publishers)
    with durable.host_errors(path, "read"):
        encoded = path.read_bytes()
    directory = parse_directory(encoded, pins, now, None)
    with _locked(records):
        record = records / f"directory-{directory.context}.json"
        highest = _read_highest(record)
        if highest != (directory.sequence, directory.hash):
            parse_directory(encoded, pins, now, highest)
            content = {"sequence": directory.sequence, "hash": directory.hash.hex()}
            durable.replace(record, json.dumps(content).encode(), durable.SECRET)
    return directory


def _read_highest(record: Path) -> tuple[int, bytes] | None:
    """Return sequence and hash of the newest directory that was ever used, None if there was none."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        return int(found["sequence"]), bytes.fromhex(found["hash"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        advice = "restore it, or remove it to trust the directory at hand anew"
        raise HostError(f"{record}: is no record of a directory's sequence ({error}); {advice}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone."""
    with durable.host_errors(folder, "written"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "directory.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
