"""What a client's settings choose from, apart from all that acts on it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_CONFIG: Final = Path("/etc/mecai/client.toml")
OFF: Final = "off"
WARN: Final = "warn"
ENFORCE: Final = "enforce"
MODES: Final = (OFF, WARN, ENFORCE)
SELECTIONS: Final = ("sticky", "random")
NEVER: Final = "never"
ASK: Final = "ask"
ALWAYS: Final = "always"
UNSTAPLED: Final = "unstapled"
DIRECT: Final = (NEVER, UNSTAPLED, ALWAYS)
REPORTING: Final = (NEVER, ASK, ALWAYS)


@dataclass(frozen=True)
class Profile:
    """How many authorities the client names, and how many of them must vouch (docs/spec, S1)."""

    candidates: int
    quorum: int


PROFILES: Final = {"default": Profile(candidates=3, quorum=1), "strict": Profile(candidates=4, quorum=2)}
