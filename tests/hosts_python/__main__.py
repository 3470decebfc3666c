"""`python -m tests.hosts_python [--with LIST] ARGUMENT ...`: the lab's hosts' Python, on this checkout, in their image.

Nothing that it does remains: this checkout is read-only there but for `build/tests`, the image lies under a file system
in memory, and there is no network but loopback. Packages are those of `requirements/dev.txt`, installed once by this
machine's pip; with a list of Debian packages, those are there, too. Exit codes: the program's; 3 when it cannot be run.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mecai.errors import HostError
from testbed.provision.image import build
from tests.hosts_python import layer
from tests.hosts_python.inside import RESULTS
from tests.hosts_python.prepare import enter, install_packages, obstacle


def main(arguments: Sequence[str]) -> int:
    """Prepare what is missing, and become the program; returns only when that cannot be."""
    if reason := obstacle():
        print(f"hosts_python: {reason}", file=sys.stderr)  # noqa: T201 - a program
        return 3
    try:
        listing, arguments = _listing(arguments)
        image, log = build.wanted(), RESULTS / "hosts-python.log"
        build.ensure(image, log, partial(print, flush=True))
        layers = [layer.ensure(image, listing, log)] if listing else []
        enter([*layers, image.root], install_packages(), arguments)
    except HostError as error:
        print(f"hosts_python: {error}", file=sys.stderr)  # noqa: T201 - a program
        return 3


def _listing(arguments: Sequence[str]) -> tuple[Path | None, Sequence[str]]:
    if arguments[:1] == ["--with"]:
        return Path(arguments[1]), arguments[2:]
    return None, arguments


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
