"""Tables for a terminal or a pipe: lines that fit 80 columns where their content does, and no cell ever cut or split.

What is short (a serial number, an id, a date) has a column; what may be long (names, URLs) has the lines below. Foreign
text becomes printable here.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import click

from mecai.service.printable import one_line

_WIDTH: Final = 80
_GAP: Final = "  "


@dataclass(frozen=True)
class Row:
    """The cells of one line, and what goes on the lines below it, where no item is split."""

    cells: Sequence[str]
    below: Sequence[str] = ()


def show_table(headings: Sequence[str], rows: Iterable[Row]) -> None:
    """Print the headings and the rows in columns as wide as their widest cell."""
    table = [Row(headings), *rows]
    lines = [[one_line(cell) for cell in row.cells] for row in table]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row, line in zip(table, lines, strict=True):
        click.echo(_GAP.join(map(str.ljust, line, widths)).rstrip())
        for below in _wrapped(row.below):
            click.echo(below)


def _wrapped(items: Sequence[str]) -> list[str]:
    text = ", ".join(map(one_line, items))
    lines = textwrap.wrap(text, _WIDTH - len(_GAP), break_long_words=False, break_on_hyphens=False)
    return [_GAP + line for line in lines]
