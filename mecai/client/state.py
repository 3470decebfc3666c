"""What a client remembers between connections: its selection key, and how new the newest directory was.

Both are files that are there wholly or not at all (`mecai.durable`), also when two programs start at once.
"""

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from mecai import durable
from mecai.client.policy import WARN, ClientPolicy
from mecai.pem import load_certificates
from mecai.protocol.directory import Directory, parse_directory
from mecai.protocol.errors import HostError, InputError

KEY_SIZE: Final = 32  # docs/spec, S2
_OTHERS: Final = 0o077


def selection_key(path: Path) -> bytes:
    """Return the 32 secret octets that make this client's selection its own; makes the file `path` on first use.

    Raises `HostError` if the file cannot be read or made or others may read it, `InputError` if it is no key.
    """
    try:
        if not path.exists():
            _make_folder(path.parent)
            with suppress(InputError):  # another program was faster: its key is the key
                durable.create(path, secrets.token_bytes(KEY_SIZE), durable.SECRET)
        mode, key = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise HostError(f"{path}: the selection key cannot be read or made ({error.strerror})") from error
    if mode & _OTHERS:
        raise HostError(f"{path}: the selection key is open to others (mode {mode & 0o777:o}); chmod 600 it")
    if len(key) != KEY_SIZE:
        raise InputError(f"{path}: a selection key has {KEY_SIZE} octets, not {len(key)}; remove it to get a new one")
    return key


def load_directory(policy: ClientPolicy, now: datetime) -> Directory:
    """Read the directory that `policy` names; its sequence is on disk before anyone uses it (docs/spec, D3).

    Under `warn` an expired directory is let in, for each verdict to say so (D4). Raises `VerificationError` for what
    its publisher did not sign, what is expired, and what is older than an earlier one; `HostError`, `InputError`.
    """
    publishers = load_certificates(policy.publishers)
    checked_at = None if policy.mode == WARN else now
    try:
        encoded = policy.directory.read_bytes()
    except OSError as error:
        raise HostError(f"{policy.directory}: the directory cannot be read ({error.strerror})") from error
    directory = parse_directory(encoded, publishers, checked_at, None)
    with _locked(policy.state_folder) as folder:
        record = folder / f"directory-{directory.context}.json"
        highest = _read_highest(record)
        if highest != (directory.sequence, directory.hash):
            parse_directory(encoded, publishers, checked_at, highest)
            content = {"sequence": directory.sequence, "hash": directory.hash.hex()}
            durable.replace(record, json.dumps(content).encode(), durable.SECRET)
    return directory


def _read_highest(record: Path) -> tuple[int, bytes] | None:
    """Return sequence and hash of the newest directory that was ever used, or None."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        return int(found["sequence"]), bytes.fromhex(found["hash"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostError(
            f"{record}: is no record of a directory's sequence ({error}); restore it, or remove it to trust the"
            " directory at hand anew"
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Hold the state folder, made where it is missing, for this process alone."""
    try:
        _make_folder(folder)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise HostError(f"{folder}: the state directory cannot be written ({error.strerror}); set `state`") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
