"""Reports as octets (docs/spec F1, F3): there and back, and everything that is wrong is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mecai.errors import Malformed
from mecai.protocol import oids
from mecai.protocol.codec.cms import sign_content
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.report import Report, Verdict, parse_passed_on, parse_report
from tests.pki import NOW, Hierarchy

ALDER = Hierarchy("alder")
SITE = ALDER.server("www.example.test")
SENDER = ALDER.voucher  # any key and certificate: whose it is, is not judged here
AUTHORITY = bytes(range(8))
REFUSED = Report(SITE.chain, bytes([192, 0, 2, 1]), 443, NOW, Verdict.REFUSED, "no-voucher", "seen at a café")
ACCEPTED = replace(
    REFUSED, address=bytes.fromhex("20010db8" + 12 * "00"), verdict=Verdict.ACCEPTED, reason=None, text=None
)

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("report", [REFUSED, ACCEPTED], ids=["refused", "accepted"])
def test_a_report_arrives_as_it_was_written(report: Report) -> None:
    text = {} if report.text is None else {"text": report.text}
    assert parse_report(json.dumps(report.members() | text).encode()) == report


@pytest.mark.parametrize("report", [REFUSED, ACCEPTED], ids=["refused", "accepted"])
def test_what_is_passed_on_says_by_whom_and_leaves_the_words_out(report: Report) -> None:
    encoded = report.sign(AUTHORITY, SENDER.key, SENDER.certificate)
    passed_on = parse_passed_on(encoded).statement
    assert (passed_on.authority, passed_on.report) == (AUTHORITY, replace(report, text=None))
    assert "caf" not in encoded.decode("latin-1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.pop("chain"), "member 'chain' is missing"),
        (lambda r: r.update(chain=[]), "chain: 0 certificates, expected 1"),
        (lambda r: r.update(chain=r["chain"][:1] * (LIMITS.chain_length + 1)), "certificates, expected 1"),
        (lambda r: r.update(chain=["AAAA"]), "report.chain"),
        (lambda r: r.update(chain=["\ud800"]), "report.chain: expected base64"),
        (lambda r: r.update(address="www.example.test"), "report.address: "),
        (lambda r: r.update(port=0), r"port: 0 is outside 1\.\.65535"),
        (lambda r: r.update(port=65536), r"port: 65536 is outside 1\.\.65535"),
        (lambda r: r.update(time="yesterday"), "report.time: expected a time"),
        (lambda r: r.update(verdict="perhaps"), "report.verdict: expected one of accepted, warned, refused"),
        (lambda r: r.update(reason="because"), "reason: expected a reason code"),
        (lambda r: r.pop("reason"), "reason: expected a reason code"),
        (lambda r: r.update(verdict="accepted"), "reason: must be absent"),
        (lambda r: r.update(text="x" * (LIMITS.reason_length + 1)), "report.text: expected a text"),
        (lambda r: r.update(text="\x1b[31m"), "report.text: expected a text"),
    ],
)
def test_what_is_wrong_with_a_report_is_said(change: Change, said: str) -> None:
    members = REFUSED.members()
    change(members)
    with pytest.raises(Malformed, match=said) as caught:
        parse_report(json.dumps(members).encode())
    assert caught.value.rule == "F1"


def test_a_chain_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client is told before it sends what no VAS would take."""
    monkeypatch.setattr("mecai.protocol.objects.report.LIMITS", replace(LIMITS, report_chain_size=100))
    with pytest.raises(Malformed, match="octets, more than 100"):
        replace(REFUSED)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(version=2), "version"),
        (lambda r: r.pop("version"), "version"),
        (lambda r: r.update(text="words"), "report.text: must be absent"),
        (lambda r: r.update(authority="00"), "report.authority: expected 8 octets"),
        (lambda r: r.pop("authority"), "member 'authority' is missing"),
        (lambda r: r.update(port=True), "report.port: expected an integer"),
    ],
)
def test_what_is_wrong_with_what_is_passed_on_is_said(change: Change, said: str) -> None:
    members = {"version": 1, "authority": AUTHORITY.hex(), **REFUSED.members()}
    change(members)
    encoded = sign_content(oids.ID_CT_REPORT, json.dumps(members).encode(), SENDER.key, SENDER.certificate)
    with pytest.raises(Malformed, match=said) as caught:
        parse_passed_on(encoded)
    assert caught.value.rule == "F3"


def test_what_is_signed_for_something_else_is_no_report() -> None:
    members = {"version": 1, "authority": AUTHORITY.hex(), **REFUSED.members()}
    encoded = sign_content(oids.ID_CT_INCIDENT, json.dumps(members).encode(), SENDER.key, SENDER.certificate)
    with pytest.raises(Malformed):
        parse_passed_on(encoded)
