"""What is mounted where: read from the kernel, so that it is true after any crash."""

import re
from pathlib import Path

from testbed.machine import tools

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")


def below(directory: Path) -> list[Path]:
    """List the mount points at or below a path, the latest first (proc_pid_mountinfo(5)); a point may stand twice."""
    points = [Path(_unescape(line.split()[4])) for line in _MOUNTS.read_text(encoding="utf-8").splitlines()]
    return [point for point in reversed(points) if point.is_relative_to(directory)]


def release(directory: Path) -> int:
    """Unmount everything at or below a path; returns how many mount points that were.

    Where mounts propagate (/run/netns is shared), one umount may take others with it: so look again after each.
    """
    released = set()
    while points := below(directory):
        tools.run(["umount", points[0]])
        released.add(points[0])
    return len(released)


def _unescape(field: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)
