"""A control group of its own for each host: its systemd rules there, and it can be ended there, wholly and only it.

Without one, all hosts started from the same place share one tree, and one host's systemd would see (and could kill)
another's services. Where systemd is the machine's PID 1 it must be asked for a delegated scope; elsewhere the group is
made in the cgroup v2 hierarchy and, in the hybrid layout, in systemd's named v1 hierarchy too (cgroups(7),
https://systemd.io/CGROUP_DELEGATION).
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mecai.errors import HostError
from testbed.machine import tools
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import until

_ROOT = Path("/sys/fs/cgroup")
_PROC = Path("/proc")
_SYSTEMD = Path("/run/systemd/system")  # it is there where systemd is the machine's PID 1 (sd_booted(3))
_ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
# Freezes groups until its input ends, which it does with the process that holds the other end.
_FREEZE = """\
trap 'for group; do echo 0 >"$group/cgroup.freeze"; done' EXIT
for group; do echo 1 >"$group/cgroup.freeze"; done
cat"""


def hierarchies() -> list[Path]:
    """Find where groups are made, the v2 hierarchy first; raises `HostError` when there is no v2."""
    if _ruled_by_systemd():
        if not (_ROOT / "cgroup.controllers").is_file():
            raise HostError(f"{_ROOT}: systemd rules a cgroup v1 layout; boot with systemd.unified_cgroup_hierarchy=1")
        return [_ROOT / "system.slice"]
    if (_ROOT / "cgroup.controllers").is_file():
        return [_ROOT]
    if (_ROOT / "unified" / "cgroup.controllers").is_file():
        return [path for path in (_ROOT / "unified", _ROOT / "systemd") if path.is_dir()]
    raise HostError(f"{_ROOT}: no cgroup v2 hierarchy; mount one: mount -t cgroup2 none {_ROOT}/unified")


def starter(label: str) -> list[str]:
    """Return the command prefix that runs a program inside the group of this label."""
    parents = hierarchies()
    if _ruled_by_systemd():
        return ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={label}", "--property=Delegate=yes", "--"]
    groups = [parent / label for parent in parents]
    for group in groups:
        group.mkdir(exist_ok=True)
    return ["sh", "-c", _ENTER, "sh", *map(str, groups), "--"]


def processes(label: str) -> list[int]:
    """List all processes of the group of exactly this label, below it too."""
    return sorted(pid for group in _groups(label)[:1] for pid in _members(group))


def memory(label: str) -> int:
    """Return the bytes that the group's processes hold (proc_pid_smaps(5), Pss).

    In the hybrid layout no group counts memory.
    """
    held = 0
    for pid in processes(label):
        with contextlib.suppress(OSError):
            found = re.search(r"^Pss: +(\d+) kB", (_PROC / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)
            held += int(found[1]) * 1024 if found else 0
    return held


def leader(label: str) -> int | None:
    """Find the host's PID 1, by its number outside; None while there is none.

    Of all processes in the group it is the one that is number 1 in a PID namespace one level down (proc(5), NSpid).
    """
    for pid in processes(label):
        with contextlib.suppress(OSError):
            numbers = re.search(r"^NSpid:\s+(.*)$", (_PROC / str(pid) / "status").read_text(), re.MULTILINE)
            if numbers and numbers[1].split()[1:] == ["1"]:
                return pid
    return None


def supervisor(label: str) -> int | None:
    """Find the host's systemd-nspawn, without which the host runs on but is an orphan."""
    for pid in processes(label):
        with contextlib.suppress(OSError):
            if (_PROC / str(pid) / "comm").read_text().strip() == "systemd-nspawn":
                return pid
    return None


@contextlib.contextmanager
def frozen(labels: Sequence[str]) -> Iterator[None]:
    """Freeze the groups of these labels meanwhile; a guard thaws them when this process ends, however it does.

    Raises `HostError` when they do not freeze in time (cgroups(7), `cgroup.freeze`).
    """
    groups = [group for label in labels for group in _groups(label)[:1]]
    with subprocess.Popen(
        ["sh", "-c", _FREEZE, "sh", *map(str, groups)], stdin=subprocess.PIPE, start_new_session=True
    ):
        until(lambda: all(map(_is_frozen, groups)), LIMITS.freeze_seconds, lambda: "hosts do not freeze")
        yield


def thaw(labels: Iterable[str]) -> None:
    """Let the groups go on, whoever froze them: a guard may have been killed, too."""
    for label in labels:
        for group in _groups(label)[:1]:
            with contextlib.suppress(OSError):
                (group / "cgroup.freeze").write_text("0")


def labels(pattern: str) -> set[str]:
    """List the labels of the groups that match a glob pattern."""
    return {group.name.removesuffix(".scope") for group in _groups(pattern)}


def end(label: str) -> None:
    """Kill every process of the group and remove it; raises `HostError` when that is not done in time."""
    kill([label])
    until(lambda: _remove(label), LIMITS.kill_seconds, lambda: f"{label}: processes {processes(label)} do not end")


def kill(labels: Iterable[str]) -> None:
    """Kill every process of the groups of these labels, and wait for none."""
    for group in (group for label in labels for group in _groups(label)):
        with contextlib.suppress(OSError):  # v1 has no such file, and a group may just have vanished
            (group / "cgroup.kill").write_text("1")


def _stop_scope(scope: str) -> bool:
    for verb in ("stop", "reset-failed"):
        tools.answer(["systemctl", verb, scope])
    return tools.answer(["systemctl", "show", "--property=ActiveState", "--value", scope]) == "inactive"


def _groups(pattern: str) -> list[Path]:
    """Find the groups that match, per hierarchy in its order, named plainly or as systemd names a scope."""
    names = (pattern, f"{pattern}.scope")
    return [group for parent in hierarchies() for name in names for group in sorted(parent.glob(name))]


def _is_frozen(group: Path) -> bool:
    try:
        return "frozen 1" in (group / "cgroup.events").read_text()
    except OSError:  # the host has just ended, and with it all that could go on
        return True


def _members(group: Path) -> set[int]:
    """Find the processes of a group and below; it may vanish at any time.

    Each group is read before what lies in it is looked for: a process that moves goes inward (systemd-nspawn into
    `supervisor`, the host's PID 1 into `payload`, then into its `init.scope`), so it is seen where it was or is.
    """
    found: set[int] = set()
    with contextlib.suppress(OSError):
        found.update(map(int, (group / "cgroup.procs").read_text().split()))
        with os.scandir(group) as entries:
            inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        for path in inner:
            found |= _members(Path(path))
    return found


def _tree(group: Path) -> Iterator[Path]:
    """Yield a group and all groups in it, the innermost first; they may vanish at any time, which os.walk bears."""
    for directory, _, _ in os.walk(group, topdown=False):
        yield Path(directory)


def _ruled_by_systemd() -> bool:
    return _SYSTEMD.is_dir()


def _remove(label: str) -> bool:
    """Remove an empty group; where it is a scope, systemd does: it keeps one for ever whose group went without it."""
    if _ruled_by_systemd() and not _stop_scope(f"{label}.scope"):
        return False
    for group in _groups(label):
        for directory in _tree(group):
            with contextlib.suppress(OSError):
                directory.rmdir()
    return not _groups(label)
