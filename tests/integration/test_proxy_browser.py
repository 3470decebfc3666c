"""A person's browser behind the proxy: headless Chromium, and Firefox, which trust its authority as their user said.

The pictures of docs/browser.md are taken here: `MECAI_PICTURES=docs/images python -m pytest` writes them.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mecai.client.proxy.own import EXTENSION
from mecai.protocol.objects.report import parse_report
from mecai.protocol.pki.identity import address_octets
from tests.integration.devtools import Browser, Tab, chromium
from tests.integration.marionette import firefox
from tests.integration.private_network import NAME
from tests.integration.town import Town, town
from tests.scene import HOST

FOLDER = Path(__file__).resolve().parents[2] / "clients" / "webextension"
_ORIGIN = "12345678-1234-4234-8234-123456789012"  # of the extension: each Firefox draws one, unless it is told
# Asked in a page of the extension, of the tab that shows a site: its mark and its title, once there is a new one.
_MARK = """(async () => {{
  for (let tries = 0; tries < 200; tries++) {{
    const [tab] = await chrome.tabs.query({{ url: "https://*/*" }});
    const text = await chrome.action.getBadgeText({{ tabId: tab.id }});
    const title = await chrome.action.getTitle({{ tabId: tab.id }});
    if (title.includes({words!r})) return `${{text}} ${{title}}`;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }}
}})()"""
_POPUP = """(async () => {
  for (let tries = 0; tries < 200 && !document.getElementById("site")?.textContent; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return document.body.innerText;
})()"""


def keep(name: str, picture: bytes) -> None:
    """Keep a picture where the documentation is made."""
    assert picture.startswith(b"\x89PNG")
    if folder := os.environ.get("MECAI_PICTURES"):
        Path(folder, f"{name}.png").write_bytes(picture)


def _trust(store: Path, authority: Path) -> None:
    """Do what docs/browser.md says, in a store of NSS."""
    for words in (("-N", "--empty-password"), ("-A", "-t", "C,,", "-n", "MECAI proxy", "-i", str(authority))):
        subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, timeout=60, capture_output=True)


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
    _trust(store, place.proxy.authority)
    with chromium(home, f"--proxy-server={place.proxy.url}", "--window-size=900,900") as running:
        yield running


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Tab:
    return browser.tab()


def test_a_vouched_site_is_shown_as_secure(place: Town, tab: Tab) -> None:
    assert "The real one." in tab.open(place.vouched)
    assert tab.evaluate("window.isSecureContext") == "True"
    keep("browser-accepted", tab.picture(900, 220))


def test_a_site_of_a_private_network_is_shown(place: Town, tab: Tab) -> None:
    assert "Of this company alone." in tab.open(place.private)
    assert NAME in tab.evaluate("location.host")
    keep("browser-intranet", tab.picture(900, 220))


def test_a_refused_site_is_explained_in_its_place(place: Town, tab: Tab) -> None:
    text = tab.open(place.bare)
    for words in (f"{HOST} was not opened", "What was seen", "the server sent no voucher", "no-voucher (rule C1)"):
        assert words in text
    assert "Perhaps the real one" not in text
    keep("browser-refused", tab.picture(900, 780))


def test_the_report_is_saved_as_an_authority_takes_it(browser: Browser, place: Town, tab: Tab, tmp_path: Path) -> None:
    """A click on the page of a refusal."""
    tab.open(place.bare)
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=True)
    tab.evaluate("document.querySelector('.save').click()")
    browser.event("Browser.downloadProgress", state="completed")
    report = parse_report((tmp_path / f"report-{HOST}.json").read_bytes())
    assert (report.verdict, report.reason, report.address) == ("refused", "no-voucher", address_octets("127.0.0.1"))


def test_no_page_reads_what_the_proxy_has_seen(place: Town, tab: Tab) -> None:
    """A site that the browser shows asks for the verdicts."""
    tab.open(place.vouched)
    ask = f"fetch('{place.proxy.url}/verdicts').then(answer => answer.text(), error => 'error: ' + error)"
    assert tab.evaluate(ask).startswith("error:")


@pytest.fixture(scope="module")
def page(browser: Browser, place: Town) -> Tab:
    """Load the extension, and open a page of it that tells it where the proxy is."""
    loaded = browser.call("Extensions.loadUnpacked", path=str(FOLDER))["id"]
    assert f"chrome-extension://{loaded}" == EXTENSION
    opened = browser.tab()
    opened.open(f"{EXTENSION}/popup.html")
    opened.evaluate(f"chrome.storage.local.set({{ port: {place.proxy.port} }})")
    return opened


def test_the_extension_marks_each_verdict(place: Town, page: Tab, tab: Tab) -> None:
    for address, mark, words in (
        (place.vouched, "\N{CHECK MARK}", "Accepted: vouched for by "),
        (place.bare, "\N{MULTIPLICATION X}", "Refused: no-voucher"),
        (place.private, "\N{CHECK MARK}", "Accepted: a site of your private network"),
    ):
        tab.open(address)
        host = tab.evaluate("location.hostname")
        assert page.evaluate(_MARK.format(words=words)).startswith(f"{mark} {host}\n{words}")


def test_the_extension_says_where_there_is_no_proxy(place: Town, page: Tab, tab: Tab) -> None:
    page.evaluate("chrome.storage.local.set({ port: 1 })")
    tab.open(place.vouched)
    assert page.evaluate(_MARK.format(words="No proxy answers")).startswith(" No proxy answers")
    page.evaluate(f"chrome.storage.local.set({{ port: {place.proxy.port} }})")


def _opened(page: Tab) -> str:
    """Return the target of the popup, which nobody is attached to yet, as soon as it is there."""
    for _ in range(200):
        for each in page.browser.call("Target.getTargets")["targetInfos"]:
            if each["url"] == f"{EXTENSION}/popup.html" and not each["attached"]:
                return str(each["targetId"])
        page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
    raise AssertionError("no popup was opened")


def test_the_extension_says_why(browser: Browser, place: Town, page: Tab, tab: Tab) -> None:
    """Its popup, as a click on its icon opens it."""
    tab.open(place.bare)
    tab.call("Page.bringToFront")
    page.evaluate("chrome.action.openPopup()")
    popup = browser.attach(_opened(page))
    text = popup.evaluate(_POPUP)
    for words in (HOST, "Refused: no-voucher", "no-voucher (rule C1)", "the server sent no voucher", "127.0.0.1"):
        assert words in text
    keep("browser-extension", popup.picture())


def test_firefox_shows_each_site_and_the_extension_its_verdict(place: Town, tmp_path: Path) -> None:
    """The same folder, loaded for as long as the browser runs."""
    _trust(tmp_path, place.proxy.authority)
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    own = {manifest["browser_specific_settings"]["gecko"]["id"]: _ORIGIN}
    settings = {
        "extensions.webextensions.uuids": json.dumps(own),
        "network.proxy.type": 1,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": place.proxy.port,
    }
    with firefox(tmp_path, settings) as running:
        running.call("Addon:Install", path=str(FOLDER), temporary=True)
        page, site = running.tab(), running.tab()
        running.go_on(page)
        running.open(f"moz-extension://{_ORIGIN}/popup.html")
        running.evaluate(f"chrome.storage.local.set({{ port: {place.proxy.port} }})")
        for address, text, mark, words in (
            (place.vouched, "The real one.", "\N{CHECK MARK}", "Accepted: vouched for by "),
            (place.bare, f"{HOST} was not opened", "\N{MULTIPLICATION X}", "Refused: no-voucher"),
        ):
            running.go_on(site)
            assert text in running.open(address)
            running.go_on(page)
            assert running.evaluate(_MARK.format(words=words)).startswith(f"{mark} {HOST}\n{words}")
