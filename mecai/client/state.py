"""What a client remembers between connections: its selection key, and how new the newest directory was.

Both are files that are there wholly or not at all (`mecai.service.durable`), also when two programs start at once.
"""

import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from mecai.client.choices import WARN
from mecai.client.policy import ClientPolicy
from mecai.errors import HostError, InputError
from mecai.protocol.objects.authorities import Directory
from mecai.service import durable
from mecai.service.directory_file import read_directory
from mecai.service.named import read_named

KEY_SIZE: Final = 32  # docs/spec, S2
_OTHERS: Final = 0o077


def selection_key(path: Path) -> bytes:
    """Return the 32 secret octets that make this client's selection its own; makes the file `path` on first use.

    Raises `HostError` if the file cannot be read or made or others may read it, `InputError` if it is no key.
    """
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(InputError):  # another program was faster: its key is the key
                durable.create(path, secrets.token_bytes(KEY_SIZE), durable.SECRET)
        mode, key = path.stat().st_mode, read_named(path)
    except OSError as error:
        raise HostError(f"{path}: the selection key cannot be read or made ({error.strerror})") from error
    if mode & _OTHERS:
        raise HostError(f"{path}: the selection key is open to others (mode {mode & 0o777:o}); chmod 600 it")
    if len(key) != KEY_SIZE:
        raise InputError(f"{path}: a selection key has {KEY_SIZE} octets, not {len(key)}; remove it to get a new one")
    return key


def load_directory(policy: ClientPolicy, now: datetime) -> Directory:
    """Read the directory that `policy` names; its sequence is on disk before anyone uses it (docs/spec, D3).

    Under `warn`, wherever that holds, an expired directory is let in, for each verdict to say so (D4). Raises as
    `read_directory`.
    """
    warns = any(each.mode == WARN for each in (policy, *policy.by_domain().values()))
    return read_directory(policy.directory, policy.publishers, policy.state_folder, now, even_expired=warns)
