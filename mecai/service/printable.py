"""What others said, on its way to a person: a terminal obeys some of what it is to show, and a log is read by line.

The one place where foreign text becomes printable. A file, a JSON document or a comparison takes it as it is.
"""

import re
import unicodedata
from typing import Final

LONGEST_LINE: Final = 300  # characters
_SUSPECT: Final = re.compile(r"[^\t\n -~]")
# Control, format (which turn the direction of writing), surrogate, private, unassigned; separators of line, paragraph.
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """Return `text` with nothing in it that a terminal would obey; tab and line feed stay."""
    return _SUSPECT.sub(lambda found: _shown(found[0]), text)


def one_line(text: str) -> str:
    """Return a single printable line of at most 300 characters."""
    return printable(text[:LONGEST_LINE]).replace("\n", " ").replace("\t", " ")


def words(error: Exception) -> str:
    """Say in one line what went wrong, without the number and the file name that Python's own text has."""
    system = error.strerror if isinstance(error, OSError) else None
    return one_line(system or str(error) or type(error).__name__)


def _shown(character: str) -> str:
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _UNPRINTABLE else character
