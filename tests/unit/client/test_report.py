"""What of a connection may be reported (docs/spec M3), and what not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mecai.client.report import report_name, report_of
from mecai.client.tellable import Tellable
from mecai.client.verdict import Grounds, Outcome, Verdict
from mecai.errors import InputError
from mecai.net.addresses import AddressPolicy
from mecai.protocol.objects import report
from mecai.protocol.objects.report import Report
from mecai.tls import Facts
from tests.pki import NOW, Hierarchy

HOST = "www.example.test"
MAY = Tellable(("corp.test",), AddressPolicy())
SITE = Hierarchy("alder").server(HOST)
FACTS = Facts("TLSv1.3", "", SITE.chain_der, None, resumed=False, extended_master_secret=True)
REFUSED = Verdict(
    Outcome.REFUSED, "no-voucher", "C1", "none came", Grounds(), False, (), "::ffff:1.1.1.1", FACTS, seconds=0.0
)


def test_a_refusal_is_reported_with_its_reason() -> None:
    expected = Report(SITE.chain, bytes([1, 1, 1, 1]), 443, NOW, report.Verdict.REFUSED, "no-voucher")
    assert report_of(REFUSED, HOST, 443, NOW, MAY) == expected


def test_what_was_accepted_has_no_reason() -> None:
    made = report_of(replace(REFUSED, outcome=Outcome.ACCEPTED), HOST, 443, NOW, MAY)
    assert (made.verdict, made.reason) == (report.Verdict.ACCEPTED, None)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"intranet": True}, "what a server of a private network shows is not reported"),
        ({"peer_address": "10.1.2.3"}, "10.1.2.3 is in 10.0.0.0/8 .private."),
        ({"peer_address": None}, "the server's address is not known"),
        ({"reason": "not-checked"}, "reason: expected a reason code of section 11"),
        ({"facts": replace(FACTS, chain=())}, "the server showed no certificate"),
        ({"facts": replace(FACTS, chain=(b"0",))}, ""),
    ],
)
def test_what_is_not_reported(changes: dict[str, object], line: str) -> None:
    with pytest.raises(InputError, match=f"report: {line}"):
        report_of(replace(REFUSED, **changes), HOST, 443, NOW, MAY)  # type: ignore[arg-type]


def test_what_has_a_private_name_or_no_port_is_not_reported() -> None:
    with pytest.raises(InputError, match=r"report: wiki\.corp\.test lies in corp\.test, which is private"):
        report_of(REFUSED, "wiki.corp.test", 443, NOW, MAY)
    with pytest.raises(InputError, match="report: the server's port is not known"):
        report_of(REFUSED, HOST, None, NOW, MAY)


def test_one_name_is_what_a_va_takes_as_one() -> None:
    made = report_of(REFUSED, HOST, 443, NOW, MAY)
    same = replace(made, port=8443, time=NOW + timedelta(hours=1), reason="quorum")
    others = (
        replace(made, time=NOW + timedelta(days=1)),
        replace(made, address=bytes([1, 1, 1, 2])),
        replace(made, chain=Hierarchy("alder").server("other.example.test").chain),
    )
    assert report_name(same) == report_name(made)
    assert len({report_name(made), *map(report_name, others)}) == 4
