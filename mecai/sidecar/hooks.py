"""What lets a server read its files anew: owed from before they change until it has succeeded, whoever is killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mecai.service.durable import SECRET, host_errors, replace


@contextmanager
def owed(mark: Path) -> Iterator[bool]:
    """Keep the file `mark` until the block has ended without an error; yields whether a former run left it there.

    Raises `HostError`.
    """
    before = os.path.lexists(mark)
    replace(mark, b"", SECRET)
    yield before
    with host_errors(mark, "removed"):
        mark.unlink()
