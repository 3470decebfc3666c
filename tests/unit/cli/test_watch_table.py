"""The table of `mecai client watch` on terminals of any width: site and verdict are never what is left out."""

import io

import pytest
from rich.console import Console

from mecai.cli.show import watch
from mecai.cli.show.watch import WatchTable

URL = "https://www.example.test:8443/"
REFUSED = {
    "url": URL,
    "verdict": "refused",
    "reason": "certificate-mismatch",
    "time": "2026-03-02T12:00:00Z",
    "vouchers": [{"name": "a notary of some name", "nextUpdate": "2026-03-03T12:00:00Z"}],
}


def drawn(monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    """Draw a refused site, and one that was not met yet, on a terminal of so many columns."""
    console = Console(file=io.StringIO(), width=width, height=40, force_terminal=True, color_system=None)
    monkeypatch.setattr(watch, "get_console", lambda: console)
    table = WatchTable([URL, "https://b.test/"])
    with table.live():
        table.update([REFUSED])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rpartition("site ")[2].splitlines()


@pytest.mark.parametrize("width", [160, 80, 60, 34])
def test_which_site_and_how_it_stands_have_room(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    headings, first, *rest = drawn(monkeypatch, width)
    assert first.split()[:2] == ["www.example.test:8443", "refused"]
    assert ("reason" in headings) == (width >= 60)
    assert ("asked" in headings) == (width == 160)
    assert any(line.split() == ["b.test", "..."] for line in rest)
