"""`python -m tests.hosts_python ARGUMENT ...`: run the lab's hosts' Python on this checkout, inside their image.

Nothing that it does remains: this checkout is read-only there but for `build/tests`, the image lies under a file system
in memory, and there is no network but loopback. Packages are those of `requirements/dev.txt`, installed once by this
machine's pip. Exit codes: the program's; 3 when it cannot be run.
"""

import sys
from collections.abc import Sequence
from functools import partial

from mecai.errors import HostError
from testbed.machine import tools
from testbed.provision.image import build
from tests.hosts_python.inside import RESULTS
from tests.hosts_python.prepare import install_packages, obstacle

NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--"]


def main(arguments: Sequence[str]) -> int:
    """Prepare what is missing, and become the program; returns only when that cannot be."""
    if reason := obstacle():
        print(f"hosts_python: {reason}", file=sys.stderr)  # noqa: T201 - a program
        return 3
    try:
        RESULTS.mkdir(parents=True, exist_ok=True)
        image = build.wanted()
        build.ensure(image, RESULTS / "hosts-python.log", partial(print, flush=True))
        inside = [sys.executable, "-m", "tests.hosts_python.inside", image.root, install_packages(), *arguments]
        tools.become([*NAMESPACES, *map(str, inside)])
    except HostError as error:
        print(f"hosts_python: {error}", file=sys.stderr)  # noqa: T201 - a program
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
