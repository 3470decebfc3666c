"""What of a connection may be reported (docs/spec M3), and what not."""

from dataclasses import replace

import pytest

from mecai.client.report import report_of
from mecai.client.verdict import Grounds, Outcome, Verdict
from mecai.errors import InputError
from mecai.protocol.objects import report
from mecai.protocol.objects.report import Report
from mecai.tls import Facts
from tests.pki import NOW, Hierarchy

SITE = Hierarchy("alder").server("www.example.test")
FACTS = Facts("TLSv1.3", "", SITE.chain_der, None, resumed=False, extended_master_secret=True)
REFUSED = Verdict(
    Outcome.REFUSED, "no-voucher", "C1", "none came", Grounds(), False, (), "::ffff:1.1.1.1", FACTS, seconds=0.0
)


def test_a_refusal_is_reported_with_its_reason() -> None:
    expected = Report(SITE.chain, bytes([1, 1, 1, 1]), 443, NOW, report.Verdict.REFUSED, "no-voucher")
    assert report_of(REFUSED, 443, NOW) == expected


def test_what_was_accepted_has_no_reason() -> None:
    made = report_of(replace(REFUSED, outcome=Outcome.ACCEPTED), 443, NOW)
    assert (made.verdict, made.reason) == (report.Verdict.ACCEPTED, None)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"intranet": True}, "what a server of a private network shows is not reported"),
        ({"peer_address": "10.1.2.3"}, "10.1.2.3 is in 10.0.0.0/8 .private."),
        ({"peer_address": None}, "the server's address is not known"),
        ({"reason": "not-checked"}, "reason: expected a reason code of section 11"),
        ({"facts": replace(FACTS, chain=())}, "chain: 0 certificates"),
        ({"facts": replace(FACTS, chain=(b"0",))}, ""),
    ],
)
def test_what_is_not_reported(changes: dict[str, object], line: str) -> None:
    with pytest.raises(InputError, match=f"report: {line}"):
        report_of(replace(REFUSED, **changes), 443, NOW)  # type: ignore[arg-type]
