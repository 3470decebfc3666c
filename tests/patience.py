"""How long a test waits for what must come: a machine that does much else besides takes many times as long.

A bound of the product is its own, and so is the time after which something must *not* have come.
"""

from typing import Final

SECONDS: Final = 60.0
