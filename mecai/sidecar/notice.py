"""The kernel says when something changes in a folder: SIGIO for whoever has the folder open and asked (dnotify).

fcntl(2), F_NOTIFY: of all that Linux has for this, what Python's own library reaches, and a signal fits a service that
waits for signals. It says no more than that something happened, which is all that a round wants to know: it looks at
everything anyway. Where there are more folders than descriptors, or the kernel was told not to (dir-notify-enable), a
round comes all the same, two minutes later at most.
"""

import fcntl
import os
import resource
import struct
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

_SPARED: Final = 256  # descriptors that the rest of the process may need
# fcntl(2), struct f_owner_ex: any thread may take what is for the process, and this one is for whoever waits.
_F_SETOWN_EX: Final = 15
_F_OWNER_TID: Final = 0

_Identity = tuple[int, int]  # device and inode: another folder of the same name is another one


class Notices:
    """The folders that are watched, an open descriptor for each. SIGIO is to be blocked before.

    It comes to the thread that said `watch`.
    """

    def __init__(self) -> None:
        self._open: dict[Path, tuple[int, _Identity]] = {}

    def watch(self, folders: Collection[Path]) -> None:
        """Watch these folders and no others, as far as they are there."""
        for folder in [each for each in self._open if each not in folders or self._open[each][1] != _identity(each)]:
            os.close(self._open.pop(folder)[0])
        room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARED - len(self._open)
        for folder in sorted(set(folders) - self._open.keys())[: max(room, 0)]:
            self._add(folder)

    def close(self) -> None:
        """Watch nothing any more."""
        self.watch(())

    def _add(self, folder: Path) -> None:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            fcntl.fcntl(descriptor, fcntl.F_NOTIFY, _events())
            fcntl.fcntl(descriptor, _F_SETOWN_EX, struct.pack("ii", _F_OWNER_TID, threading.get_native_id()))
        except OSError:
            os.close(descriptor)
        else:
            self._open[folder] = descriptor, _identity_of(os.fstat(descriptor))


def _events() -> int:
    """Return what is watched for; asked late, since only Linux has it, and a sidecar without notices runs elsewhere."""
    seen = fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_MODIFY | fcntl.DN_ATTRIB
    return seen | fcntl.DN_MULTISHOT


def _identity(folder: Path) -> _Identity | None:
    try:
        return _identity_of(folder.stat())
    except OSError:
        return None


def _identity_of(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino
