"""What stands in a cell of a table of rich's."""

from rich.markup import escape

from mecai.service.printable import printable


def cell(text: str) -> str:
    """Return what a stranger may have named as a cell of a table: nothing in it is markup or obeyed by a terminal."""
    return escape(printable(text))
