"""The newest verdict on each site that was asked for: in memory alone, and no more than some of them."""

from collections import OrderedDict
from typing import Final

from mecai.client.document import Document

SITES: Final = 256  # host and port; the one that was met longest ago goes first


class Journal:
    """What the proxy remembers of a person's way through the web; it ends with the process."""

    def __init__(self) -> None:
        self._newest: OrderedDict[tuple[str, int], Document] = OrderedDict()

    def note(self, document: Document) -> None:
        """Keep a verdict in the place of the former one on this site."""
        site = document["host"], document["port"]
        self._newest.pop(site, None)
        self._newest[site] = document
        while len(self._newest) > SITES:
            self._newest.popitem(last=False)

    def verdicts(self) -> list[Document]:
        """Return them, the newest first."""
        return list(reversed(self._newest.values()))
