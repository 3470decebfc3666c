"""How a lab comes to be: from nothing, or from an archive; written down until it was healthy for the first time.

So a program that is killed in between leaves a lab that the next `up` makes whole, and knows what it need not do again.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from testbed.machine.lab import Lab, write_file


@dataclass(frozen=True)
class Birth:
    """What a lab is made by (`inputs.key`), the archive it comes from and when that was written, if it does.

    `converged` says whether Ansible has been over its hosts since.
    """

    key: str
    archive: str = ""
    saved: str = ""
    converged: bool = False


def read(lab: Lab) -> Birth | None:
    """Return how the lab comes to be, None when it has been healthy before, or when that cannot be known."""
    with suppress(OSError, ValueError, TypeError):
        return Birth(**json.loads(lab.birth_file.read_text(encoding="utf-8")))
    return None


def write(lab: Lab, birth: Birth) -> None:
    """Write it down."""
    write_file(lab.birth_file, json.dumps(asdict(birth)) + "\n")


def over(lab: Lab) -> None:
    """Forget it: the lab lives, or Ansible must look at it."""
    lab.birth_file.unlink(missing_ok=True)
