"""What became of each host so far, as a table: `mecai client watch`."""

from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from mecai.cli.show.cells import cell
from mecai.cli.show.client import COLOURS
from mecai.client.document import Document
from mecai.client.verdict import Outcome

_MAY_WRAP = ("site", "reason", "vouched by")
_WIDTH = 160  # columns where there is no terminal


class WatchTable:
    """A row for each host: how it stands, since when, how often that has changed, who vouches and until when."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._standing: dict[str, Document] = {}
        self._since: dict[str, str] = {}
        self._changes = dict.fromkeys(urls, 0)
        self._live: Live | None = None

    def live(self) -> Live:
        """Return what draws the table in its place, and on each update again."""
        self._live = Live(self._table(), auto_refresh=False)
        return self._live

    def update(self, found: Sequence[Document]) -> None:
        """Take what one round brought, and draw it."""
        self._take(found)
        if self._live:
            self._live.update(self._table(), refresh=True)

    def print(self, found: Sequence[Document]) -> None:
        """Take what one round brought, and print the whole table below the last one."""
        self._take(found)
        Console(width=_WIDTH).print(self._table())

    def _take(self, found: Sequence[Document]) -> None:
        for document in found:
            url, before = document["url"], self._standing.get(document["url"])
            if before is None or _words(before) != _words(document):
                self._since[url] = document["time"]
                self._changes[url] += before is not None
            self._standing[url] = document

    def _table(self) -> Table:
        table = Table(box=None, header_style="bold")
        for heading in ("site", "verdict", "reason", "since", "changes", "vouched by", "until", "asked"):
            table.add_column(heading, overflow="fold", no_wrap=heading not in _MAY_WRAP)
        for url, changes in self._changes.items():
            document = self._standing.get(url)
            table.add_row(*(self._cells(url, changes, document) if document else (cell(_site(url)), "...")))
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
