"""How long a test waits for what must come: a machine that does much else besides takes many times as long.

A bound of the product is its own, and so is the time after which something must *not* have come.
"""

from typing import Final

from mecai.service.deadline import Deadline

SECONDS: Final = 60.0


def standing(seconds: float) -> Deadline:
    """Return a deadline whose clock stands still: each wait has all of it, however long was taken before it."""
    return Deadline(seconds, lambda: 0.0)
