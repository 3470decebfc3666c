"""What became of each host so far, as a table: `mecai client watch`."""

from collections.abc import Sequence

from rich import get_console
from rich.console import Console
from rich.live import Live
from rich.table import Table

from mecai.cli.show.cells import cell
from mecai.cli.show.client import COLOURS
from mecai.client.document import Document
from mecai.client.verdict import Outcome

_HEADINGS = ("site", "verdict", "reason", "since", "changes", "vouched by", "until", "asked")
_MAY_WRAP = ("site", "reason", "vouched by")
_FIRST_TO_GO = ("asked", "changes", "since", "until", "vouched by", "reason")  # where a terminal has no room for all
_WIDTH = 160  # columns where there is no terminal
_WIDEST = 10_000  # columns: what a table is measured in, so that its need is not cut to what there is


class WatchTable:
    """A row for each host: how it stands, since when, how often that has changed, who vouches and until when."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._standing: dict[str, Document] = {}
        self._since: dict[str, str] = {}
        self._changes = dict.fromkeys(urls, 0)
        self._live: Live | None = None

    def live(self) -> Live:
        """Return what draws the table in its place, and on each update again."""
        console = get_console()
        self._live = Live(self._table(console), console=console, auto_refresh=False)
        return self._live

    def update(self, found: Sequence[Document]) -> None:
        """Take what one round brought, and draw it."""
        self._take(found)
        if self._live:
            self._live.update(self._table(self._live.console), refresh=True)

    def print(self, found: Sequence[Document]) -> None:
        """Take what one round brought, and print the whole table below the last one."""
        self._take(found)
        console = Console(width=_WIDTH)
        console.print(self._table(console))

    def _take(self, found: Sequence[Document]) -> None:
        for document in found:
            url, before = document["url"], self._standing.get(document["url"])
            if before is None or _words(before) != _words(document):
                self._since[url] = document["time"]
                self._changes[url] += before is not None
            self._standing[url] = document

    def _table(self, console: Console) -> Table:
        """Return the table, without the columns for which there is no room."""
        anywhere = console.options.update(max_width=_WIDEST)
        for gone in range(len(_FIRST_TO_GO)):
            table = self._without(_FIRST_TO_GO[:gone])
            if console.measure(table, options=anywhere).minimum <= console.width:
                return table
        return self._without(_FIRST_TO_GO)

    def _without(self, left_out: Sequence[str]) -> Table:
        table = Table(box=None, header_style="bold")
        shown = [heading for heading in _HEADINGS if heading not in left_out]
        for heading in shown:
            table.add_column(heading, overflow="fold", no_wrap=heading not in _MAY_WRAP)
        for url, changes in self._changes.items():
            document = self._standing.get(url)
            cells = self._cells(url, changes, document) if document else (cell(_site(url)), "...")
            found = dict(zip(_HEADINGS, cells, strict=False))
            table.add_row(*(found.get(heading, "") for heading in shown))
        return table

    def _cells(self, url: str, changes: int, document: Document) -> Sequence[str]:
        outcome, vouchers = Outcome(document["verdict"]), document["vouchers"]
        return (
            cell(_site(url)),
            f"[{COLOURS[outcome]}]{outcome.value}[/]",
            document["reason"] or "",
            self._since[url],
            str(changes),
            cell(", ".join(each["name"] for each in vouchers)),
            min((each["nextUpdate"] for each in vouchers), default=""),
            document["time"],
        )


def _site(url: str) -> str:
    return url.removeprefix("https://").removesuffix("/")


def _words(document: Document) -> tuple[str, str | None]:
    return document["verdict"], document["reason"]
