"""Run a module as a program that ends with whoever started it, even if that one was killed.

    python -m mecai.cli.demonstration.leash DESCRIPTOR MODULE ARGUMENT...

DESCRIPTOR is the reading end of a pipe whose other end the starter alone has: the system closes it with him.
"""

import os
import runpy
import signal
import sys
import threading
from typing import Final

GRACE: Final = 5.0  # seconds to end in


def main() -> None:
    """Watch the pipe, and become the module."""
    descriptor = int(sys.argv[1])
    threading.Thread(target=_watch, args=[descriptor], name="leash", daemon=True).start()
    module, sys.argv = sys.argv[2], sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)  # nobody writes: it returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
