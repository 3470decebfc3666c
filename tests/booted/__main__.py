"""`python -m tests.booted [RELEASE ...]`: try the lab on each release, and print what every step took and left.

Needs root. Exit codes: 0 every step was good and nothing was left, 1 not so, 3 this machine cannot hold the trial.
"""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mecai.errors import HostError
from testbed.machine import tools
from tests.booted import machine
from tests.booted.trial import KINDS, Step

RELEASES = ("bookworm", "trixie")


def main(words: Sequence[str]) -> int:
    """Try each release; return the exit code."""
    parser = argparse.ArgumentParser("tests.booted", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("releases", nargs="*", metavar="RELEASE", default=RELEASES, help="Debian 12 and 13 without one")
    parser.add_argument("--rounds", type=int, default=5, help="how often the lab goes down and up again (5)")
    parser.add_argument("--until", default="demonstration", metavar="STAGE", help="how far `up` goes in these rounds")
    parser.add_argument("--cached-image", action="store_true", help="copy the hosts' image of this machine's cache")
    asked = parser.parse_args(words)
    console, good = Console(), True
    try:
        tools.require_root()
        for release in asked.releases:
            steps = machine.play(release, (str(asked.rounds), asked.until), cached_image=asked.cached_image)
            show(console, release, steps)
            good = good and bool(steps) and all(step.good for step in steps)
    except HostError as error:
        Console(stderr=True).print(f"tests.booted: {error}", markup=False, highlight=False, soft_wrap=True)
        return 3
    return 0 if good else 1


def show(console: Console, release: str, steps: Sequence[Step]) -> None:
    """Print a row for each step, then what was left and is not to be there."""
    table = Table("step", "seconds", "exit code", "left", title=release)
    for step in steps:
        left = str(sum(map(len, step.left.values()))) if step.left else ""
        table.add_row(step.name, f"{step.seconds:.0f}", str(step.code), left)
    console.print(table)
    for step in steps:
        for said in [f"{kind}: {name}" for kind in KINDS for name in step.left.get(kind, ())] + list(step.complaints):
            console.print(f"{step.name}: {said}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
