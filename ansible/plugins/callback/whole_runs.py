"""One run at a time for an inventory, and none that begins in the middle of a role.

The lock is the kernel's (flock(2)), on the inventory's folder itself: it ends with `ansible-playbook` and its workers,
however they end, leaves no file behind, and holds whoever may read the folder. It is the control machine's: two control
machines with one inventory each know nothing of the other.
"""

import fcntl
import os
from pathlib import Path
from typing import Any, NoReturn

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: whole_runs
type: aggregate
short_description: One run at a time for an inventory, and none that begins in the middle of a role
version_added: 1.1.0
description:
  - Refuses a run while another one works on the same inventory from this machine, and says which.
  - Refuses C(--start-at-task), for a role's later tasks rely on what its earlier ones found out.
author:
  - The MECAI engineers (@mecai)
requirements:
  - whitelisting in the configuration (C(callbacks_enabled))
"""

REFUSED = 1


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Holds the locks in the process of `ansible-playbook` until that ends."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mecai.infrastructure.whole_runs"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[Path, int] = {}

    def v2_playbook_on_start(self, playbook: Any) -> None:  # noqa: ANN401 - Ansible's
        """Take the lock of every inventory, or end the run; called for each playbook of a command."""
        del playbook
        if context.CLIARGS.get("start_at_task"):
            self._refuse(
                "--start-at-task leaves out what a role's later tasks rely on; run the part's playbook: "
                "what is done already changes nothing"
            )
        # Ansible, too, takes what holds a comma for host names.
        sources = [Path(source) for source in context.CLIARGS["inventory"] if "," not in source]
        folders = {source if source.is_dir() else source.parent for source in sources if source.exists()}
        for folder in sorted(folders - self._held.keys()):
            self._held[folder] = self._lock(folder)

    def _lock(self, folder: Path) -> int:
        """Lock an inventory's folder; returns the descriptor that holds the lock."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._refuse(f"{folder}: another run works on this inventory: {_holder(folder)}; wait until it ends")
        except OSError as error:
            self._refuse(f"{folder}: cannot be locked against other runs ({error.strerror})")
        return descriptor

    def _refuse(self, line: str) -> NoReturn:
        self._display.error(line, wrap_text=False)
        raise SystemExit(REFUSED)


def _holder(folder: Path) -> str:
    """Name the process that locked the folder, as far as the kernel tells (proc_locks(5))."""
    inode = str(folder.stat().st_ino)
    try:
        locks = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        locks = []
    return next(
        (f"process {lock[4]}" for lock in locks if lock[1] == "FLOCK" and lock[5].endswith(f":{inode}")), "somebody"
    )
