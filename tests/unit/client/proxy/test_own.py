"""What the proxy says of itself, and to whom: not to a rebound name, nor to another site."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest

from mecai.client.proxy.authority import open_authority
from mecai.client.proxy.head import Declined, parse_head
from mecai.client.proxy.journal import SITES, Journal
from mecai.client.proxy.own import EXTENSION, OwnPages

HOST = "Host: 127.0.0.1:8143"


@pytest.fixture
def pages(tmp_path: Path) -> OwnPages:
    journal = Journal()
    journal.note({"host": "www.example.test", "port": 443, "verdict": "accepted"})
    return OwnPages(8143, "enforce", open_authority(tmp_path, ("example.test",), datetime.now(UTC)), journal)


def ask(pages: OwnPages, target: str, *fields: str, method: str = "GET") -> tuple[int, str, str]:
    """Return status, fields and body."""
    lines = [f"{method} {target} HTTP/1.1", *fields, "", ""]
    head, _, body = pages.answer(parse_head("\r\n".join(lines).encode())).decode().partition("\r\n\r\n")
    return int(head.split()[1]), head, body


@pytest.mark.parametrize(
    "fields",
    [
        (HOST,),
        (HOST, "Sec-Fetch-Site: none"),
        (HOST, "Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:8143"),
        (HOST, f"Origin: {EXTENSION}", "Sec-Fetch-Site: cross-site"),
    ],
)
def test_the_verdicts_are_read_by_the_person_and_the_extension(pages: OwnPages, fields: tuple[str, ...]) -> None:
    status, head, body = ask(pages, "/verdicts", *fields)
    assert (status, json.loads(body)["verdicts"][0]["host"]) == (200, "www.example.test")
    assert ("Access-Control-Allow-Origin" in head) == (EXTENSION in "".join(fields))
    for field in ("Cross-Origin-Resource-Policy: same-origin", "X-Content-Type-Options: nosniff", "no-store"):
        assert field in head
    assert ask(pages, "http://127.0.0.1:8143/verdicts", *fields)[2] == body


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((), HTTPStatus.MISDIRECTED_REQUEST),
        (("Host: evil.test:8143",), HTTPStatus.MISDIRECTED_REQUEST),
        (("Host: localhost:8143",), HTTPStatus.MISDIRECTED_REQUEST),
        (("Host: 127.0.0.1",), HTTPStatus.MISDIRECTED_REQUEST),
        ((HOST, "Host: evil.test"), HTTPStatus.MISDIRECTED_REQUEST),
        ((HOST, "Origin: https://evil.test"), HTTPStatus.FORBIDDEN),
        ((HOST, "Origin: null"), HTTPStatus.FORBIDDEN),
        ((HOST, f"Origin: {EXTENSION}", "Origin: https://evil.test"), HTTPStatus.FORBIDDEN),
        ((HOST, "Origin: chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), HTTPStatus.FORBIDDEN),
        ((HOST, "Sec-Fetch-Site: cross-site"), HTTPStatus.FORBIDDEN),
        ((HOST, "Sec-Fetch-Site: same-site"), HTTPStatus.FORBIDDEN),
    ],
)
def test_nobody_else_reads_them(pages: OwnPages, fields: tuple[str, ...], status: HTTPStatus) -> None:
    with pytest.raises(Declined) as caught:
        ask(pages, "/verdicts", *fields)
    assert caught.value.status is status


def test_the_other_pages(pages: OwnPages) -> None:
    assert ask(pages, "/ca.pem", HOST)[2].startswith("-----BEGIN CERTIFICATE-----")
    script = ask(pages, "/proxy.pac", HOST)[2]
    assert 'if (host === "example.test" || host.endsWith(".example.test")) return proxy;' in script
    assert '"PROXY 127.0.0.1:8143"' in script
    for target, method, status in (("/", "GET", 404), ("/verdicts", "POST", 405), ("/verdicts", "OPTIONS", 405)):
        with pytest.raises(Declined) as caught:
            ask(pages, target, HOST, method=method)
        assert caught.value.status == status


def test_pages_in_the_clear_are_asked_for_over_tls(pages: OwnPages) -> None:
    status, head, _ = ask(pages, "http://www.example.test/a?b=c", "Host: www.example.test")
    assert (status, head.endswith("Location: https://www.example.test/a?b=c")) == (307, True)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "http://www.example.test/", 403),
        ("GET", "http://www.example.test:8080/", 403),
        ("GET", "http://user@www.example.test/", 400),
        ("GET", "ftp://www.example.test/", 400),
        ("GET", "*", 400),
    ],
)
def test_nothing_goes_out_in_the_clear(pages: OwnPages, method: str, target: str, status: int) -> None:
    with pytest.raises(Declined) as caught:
        ask(pages, target, "Host: www.example.test", method=method)
    assert caught.value.status == status


def test_the_newest_verdict_of_each_site_is_kept_of_so_many_sites() -> None:
    journal = Journal()
    for number in range(SITES + 1):
        journal.note({"host": f"{number}.test", "port": 443, "verdict": "refused"})
    journal.note({"host": "1.test", "port": 443, "verdict": "accepted"})
    newest = journal.verdicts()
    assert (len(newest), newest[0]["verdict"], newest[-1]["host"]) == (SITES, "accepted", "2.test")


def test_the_extension_is_the_one_of_its_manifest() -> None:
    """Chromium names an extension by the hash of its key, in letters from a to p."""
    manifest = json.loads((Path(__file__).parents[4] / "clients/webextension/manifest.json").read_text())
    digits = hashlib.sha256(base64.b64decode(manifest["key"])).hexdigest()[:32]
    assert "chrome-extension://" + "".join(chr(ord("a") + int(digit, 16)) for digit in digits) == EXTENSION
