"""One run at a time for an inventory, and none that begins in the middle of a role.

The lock is the kernel's (flock(2)): it ends with `ansible-playbook` and its workers, however they end, so none is left
behind. It is the control machine's: two control machines with one inventory each know nothing of the other.
"""

import fcntl
import os
import time
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

LOCK = ".run.lock"  # Ansible reads no file as inventory whose name begins with a dot
REFUSED = 1


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Holds the locks in the process of `ansible-playbook` until that ends."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mecai.infrastructure.whole_runs"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:  # noqa: ANN401 - Ansible's
        """Take the lock of every inventory, or end the run."""
        del playbook
        if context.CLIARGS.get("start_at_task"):
            self._refuse(
                "--start-at-task leaves out what a role's later tasks rely on; run the part's playbook: "
                "what is done already changes nothing"
            )
        sources = [Path(source) for source in context.CLIARGS["inventory"]]  # host names, too, after `-i`
        folders = {source if source.is_dir() else source.parent for source in sources if source.exists()}
        self._held = [self._lock(folder) for folder in sorted(folders)]

    def _lock(self, inventory: Path) -> int:
        """Lock an inventory's folder; returns the descriptor that holds the lock."""
        path = inventory / LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            self._refuse(f"{path}: cannot be opened ({error.strerror})")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "somebody"
            self._refuse(f"{inventory}: another run works on this inventory: {holder}; wait until it ends")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} since {time.strftime('%H:%M:%S')}".encode(), 0)
        return descriptor

    def _refuse(self, line: str) -> NoReturn:
        self._display.error(line, wrap_text=False)
        raise SystemExit(REFUSED)
