"""What follows a verdict: which are reported, which are audited, and that most programs load none of it."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from mecai import tls
from mecai.client import ClientPolicy, VoucherContext
from mecai.client.attempt import Attempt
from mecai.client.besides import Besides
from mecai.client.choosing import rules_of
from mecai.client.domain_entry import DomainEntry
from mecai.client.verdict import Outcome
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.service.deadline import Deadline
from tests.patience import SECONDS
from tests.pki import NOW
from tests.scene import HOST, Scene
from tests.unit.client.test_audit import VERDICT
from tests.unit.client.test_report import REFUSED

SCENE = Scene()


def besides(policy: ClientPolicy) -> Besides:
    return Besides(policy, (policy,), SCENE.directory, lambda: NOW, Random(1))  # noqa: S311 - can be drawn again


def attempt(policy: ClientPolicy) -> Attempt:
    exchange = tls.Exchange({})
    exchange.answer = b"vouchers"
    return Attempt(RequestExtension(1, VERDICT.candidates, ("MOZ",)), exchange, HOST, "1.1.1.1", policy, port=443)


@pytest.mark.parametrize(
    ("reporting", "outcome", "kept"),
    [
        ("ask", Outcome.REFUSED, 1),
        ("ask", Outcome.WARNED, 0),  # where few servers have vouchers, that would be most of the web
        ("ask", Outcome.ACCEPTED, 0),
        ("never", Outcome.REFUSED, 0),
    ],
)
def test_refusals_are_reported_where_the_policy_says_so(
    reporting: str, outcome: Outcome, kept: int, tmp_path: Path
) -> None:
    somewhere = ClientPolicy(state=tmp_path, reporting="ask")
    follows = besides(somewhere)
    here = replace(somewhere, reporting=reporting)
    follows.follow(attempt(here), replace(REFUSED, outcome=outcome), rules_of)
    assert follows.errands.wait(Deadline(SECONDS))
    assert follows.reporter is not None
    assert len(follows.reporter.outbox.list(NOW)) == kept


def test_what_an_audit_finds_is_reported(tmp_path: Path) -> None:
    policy = ClientPolicy(state=tmp_path, reporting="ask", audit=1.0)
    follows = besides(policy)
    assert follows.auditor is not None
    found = replace(REFUSED, outcome=Outcome.WARNED, reason="certificate-mismatch")
    follows.auditor._disagreed(attempt(policy), found)
    assert follows.reporter is not None
    (kept,) = follows.reporter.outbox.list(NOW)
    assert (kept.reason, kept.held) == ("certificate-mismatch", True)


def test_a_context_has_what_its_policy_wants_anywhere(tmp_path: Path) -> None:
    quiet = ClientPolicy(state=tmp_path, mode="off")
    assert VoucherContext(quiet, SCENE.directory, bytes(32)).besides is None
    for entry, reports, audits in (
        (DomainEntry(("a.test",), reporting="always"), True, False),
        (DomainEntry(("a.test",), audit=0.5), False, True),
    ):
        context = VoucherContext(replace(quiet, domains=(entry,)), SCENE.directory, bytes(32))
        assert context.besides is not None
        assert (context.reporter is not None, context.besides.auditor is not None) == (reports, audits)
