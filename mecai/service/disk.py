"""Room on the disk: a service that is about to run out of it says so while it still can."""

import shutil
from pathlib import Path
from typing import Final

from mecai.errors import HostError

MIB: Final = 1024 * 1024
LEAST_FREE: Final = 256 * MIB  # octets


def require_free(folder: Path) -> None:
    """See that the file system of `folder` has room for an unprivileged writer; raises `HostError`."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise HostError(f"{folder}: cannot be looked at ({error.strerror})") from error
    if free < LEAST_FREE:
        raise HostError(f"{folder}: {free // MIB} MiB free, expected {LEAST_FREE // MIB}; make room on this disk")
