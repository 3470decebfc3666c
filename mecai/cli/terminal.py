"""What strangers said, on its way to a terminal: a terminal obeys some of what it is to show."""

from typing import Final

# Of the control characters (C0, DEL, C1) only tab and line feed pass.
_CONTROLS: Final = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
}


def printable(text: str) -> str:
    """Return `text` with nothing in it that a terminal would obey."""
    return text.translate(_CONTROLS)
