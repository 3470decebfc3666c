"""A person's browser behind the proxy: headless Chromium, which trusts the proxy's authority as its user told it.

The pictures of docs/browser.md are taken here: `MECAI_PICTURES=docs/images python -m pytest` writes them.
"""

import base64
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.devtools import Browser, chromium
from tests.integration.private_network import NAME
from tests.integration.town import Town, town
from tests.scene import HOST

EXTENSION = Path(__file__).resolve().parents[2] / "clients" / "webextension"
PICTURES = os.environ.get("MECAI_PICTURES")


@dataclass(frozen=True)
class Tab:
    """A page of the browser."""

    browser: Browser
    session: str

    def open(self, address: str) -> str:
        """Go to an address; returns the text that a person reads there."""
        failed = self.browser.call("Page.navigate", self.session, url=address).get("errorText")
        assert not failed, failed
        self.browser.event("Page.loadEventFired", self.session)
        return self.evaluate("document.body.innerText")

    def evaluate(self, expression: str) -> str:
        """Return what a script says."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self.browser.call("Runtime.evaluate", self.session, **asked)
        assert "exceptionDetails" not in result, result
        return str(result["result"].get("value"))

    def picture(self, name: str, height: int) -> None:
        """Take a picture of the top of the page, and keep it where the documentation is made."""
        part = {"x": 0, "y": 0, "width": 900, "height": height, "scale": 0.7}
        taken = self.browser.call("Page.captureScreenshot", self.session, format="png", clip=part)
        octets = base64.b64decode(taken["data"])
        assert octets.startswith(b"\x89PNG")
        if PICTURES:
            Path(PICTURES, f"{name}.png").write_bytes(octets)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as built:
        yield built


@pytest.fixture(scope="module")
def browser(place: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Run a browser whose user has done what docs/browser.md says."""
    home = tmp_path_factory.mktemp("home")
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for words in (
        ("-N", "--empty-password"),
        ("-A", "-t", "C,,", "-n", "MECAI proxy", "-i", str(place.proxy.authority)),
    ):
        subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, timeout=60, capture_output=True)
    with chromium(home, f"--proxy-server={place.proxy.url}", "--window-size=900,900") as running:
        yield running


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Tab:
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    browser.call("Page.enable", session)
    return Tab(browser, session)


def test_a_vouched_site_is_shown_as_secure(place: Town, tab: Tab) -> None:
    assert "The real one." in tab.open(place.vouched)
    assert tab.evaluate("window.isSecureContext") == "True"
    tab.picture("browser-accepted", 220)


def test_a_site_of_a_private_network_is_shown(place: Town, tab: Tab) -> None:
    assert "Of this company alone." in tab.open(place.private)
    assert NAME in tab.evaluate("location.host")
    tab.picture("browser-intranet", 220)


def test_a_refused_site_is_explained_in_its_place(place: Town, tab: Tab) -> None:
    text = tab.open(place.bare)
    for words in (f"{HOST} was not opened", "What was seen", "the server sent no voucher", "no-voucher (rule C1)"):
        assert words in text
    assert "Perhaps the real one" not in text
    tab.picture("browser-refused", 780)


def test_no_page_reads_what_the_proxy_has_seen(place: Town, tab: Tab) -> None:
    """A site that the browser shows asks for the verdicts."""
    tab.open(place.vouched)
    ask = f"fetch('{place.proxy.url}/verdicts').then(answer => answer.text(), error => 'error: ' + error)"
    assert tab.evaluate(ask).startswith("error:")
