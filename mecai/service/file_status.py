"""Whether a file, or a folder's list of names, is still what it was when it was read.

Only what was changed just before it was read might change once more within the same tick of the file system's clock,
and look the same: that is to be read again. (git calls such an entry racily clean.)
"""

import os
import time
from dataclasses import dataclass
from typing import Final

_TICK_NS: Final = 2_000_000_000  # of the coarsest file system's clock


@dataclass(frozen=True)
class FileStatus:
    """What stat(2) says that stays the same for as long as the content does."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> "FileStatus":
        """Take what a status is to be compared by."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def settled(self) -> bool:
        """Tell whether a change from now on would show; by the clock that stamps files, whatever a program believes."""
        return max(self.modified_ns, self.changed_ns) + _TICK_NS < time.time_ns()
