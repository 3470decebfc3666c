"""The page in the place of a refused site: plain words, whatever a stranger said is text, and the report as a file."""

import base64
import json
import re
from html import unescape
from typing import Any

import pytest

from mecai.client.explain import expected
from mecai.client.proxy.refusal import page, refusal
from mecai.client.visit import Visit
from tests.scene import Scene, authority_entry

SCENE = Scene()
REPORT: dict[str, Any] = {"chain": ["A" * 900], "address": "192.0.2.1", "port": 443, "verdict": "refused"}


def visit(report: dict[str, Any] | str = "", *, reporting: str = "never", **changes: Any) -> Visit:
    candidate = {"authority": authority_entry(SCENE.birch).authority.hex(), "name": "birch"}
    document = {
        "host": "www.example.test", "port": 443, "time": "2026-11-28T09:00:00Z", "verdict": "refused",
        "reason": "address-mismatch", "rule": "V9", "detail": "192.0.2.1 is not among 198.18.0.10",
        "address": "192.0.2.1", "policy": "vouchers", "candidates": [candidate],
    }  # fmt: skip
    return Visit({**document, **changes}, report=report, report_name="cf926422df90d15e", reporting=reporting)


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<style.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL)).split())


def test_it_says_what_was_seen_expected_and_is_to_be_done() -> None:
    text = text_of(page(visit(), SCENE.directory))
    for words in (
        "www.example.test was not opened",
        "The voucher is for other addresses than the one that answered.",
        "What was seen 192.0.2.1 is not among 198.18.0.10",
        "What was expected it names the address that answered",
        "connect directly and compare",
        "Reason address-mismatch (rule V9)",
        "Who answered 192.0.2.1",
        "Who was asked to vouch birch",
        "2026-11-28T09:00:00Z",
    ):
        assert words in text


def test_what_a_stranger_said_is_text() -> None:
    hostile = "<script>alert(1)</script> \"'& \x1b[31m\u202e$host"
    html = page(visit(detail=hostile, address=hostile), SCENE.directory)
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "$host" in text_of(html)


def test_the_report_is_a_file_and_says_where_it_may_go() -> None:
    html = page(visit(REPORT), SCENE.directory)
    link = re.search(r'download="report-www\.example\.test\.json" href="data:application/json;base64,([^"]+)"', html)
    assert link
    assert json.loads(base64.b64decode(link[1])) == REPORT
    assert "curl --json @report-www.example.test.json https://vas.birch.test/v1/reports" in text_of(html)
    assert "A" * 100 not in text_of(html)


def test_it_says_what_becomes_of_the_report() -> None:
    for reporting, words in (
        ("never", "It is not sent unless you send it."),
        ("ask", "mecai client reports send cf926422df90d15e sends it"),
        ("always", "Your settings have it sent"),
    ):
        assert words in text_of(page(visit(REPORT, reporting=reporting), SCENE.directory))


def test_of_a_private_network_nothing_is_offered() -> None:
    private = visit("report: not reported", policy="intranet", candidates=[], rule="M4", reason="pin-mismatch")
    html = page(private, SCENE.directory)
    assert "download" not in html
    assert "private network" in text_of(html)
    assert "Who was asked" not in html


def test_a_site_that_nobody_judged_has_its_page_too() -> None:
    text = text_of(page(visit(reason="unreachable", rule=None, detail=None, address=None), SCENE.directory))
    assert "Reason unreachable Who answered nobody" in text
    assert "an address of this name that answers" in text


def test_browsers_run_load_and_keep_nothing_of_it() -> None:
    head = refusal(visit(REPORT), SCENE.directory).partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("HTTP/1.1 502 ")
    assert "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'" in head
    assert "Cache-Control: no-store" in head
    assert 'Proxy-Status: mecai; error=tls_certificate_error; details="address-mismatch"' in head


@pytest.mark.parametrize("rule", [*(f"V{number}" for number in range(1, 12)), "C1", "C2", "C4", "D4", "T8", "M4"])
def test_every_rule_says_what_it_expects(rule: str) -> None:
    assert expected(rule, "") != expected(None, "of-the-future")
