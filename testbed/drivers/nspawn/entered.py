"""Those who entered a host from outside must not keep it from ending.

A host that powers off stops every process in it before it ends them (kill(2) of -1 with SIGSTOP by its systemd). An
nsenter outside that waits for such a process then stops itself as well (nsenter(1), a shell's job control), so that it
never reaps what was ended; and the kernel lets a PID namespace go only when all in it are reaped (pid_namespaces(7)).
"""

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

_PROC = Path("/proc")
_STOPPED = "T"


def wake(leaders: Collection[int]) -> None:
    """Let every stopped nsenter go on that entered one of these hosts, each told by its PID 1."""
    entries = {("nsenter", "-t", str(leader)) for leader in leaders}
    for process in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_text().split("\0")
            if tuple(command[:3]) in entries and _state(process) == _STOPPED:
                os.kill(int(process.name), signal.SIGCONT)


def _state(process: Path) -> str:
    """Return the state of a process (proc(5), stat); its name may hold blanks and brackets."""
    return (process / "stat").read_text().rpartition(")")[2].split()[0]
