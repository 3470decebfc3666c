"""A VAS with agents: what they see decides with it, and never without it (docs/spec P5, P6)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.probing.corroborate import Corroboration, ProbeOutcome, ProbeResult, ProbeTarget
from mecai.probing.lookups import Records, RecordType
from mecai.probing.quorum import Perspective, are_enough, may_fail
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import hash_of
from mecai.service.deadline import Deadline
from mecai.vas.config import AgentSettings, PerspectiveSettings
from mecai.vas.storage.review import review
from tests.pki import DAY, crl
from tests.unit.vas.outside import BIRCH, ONE, OTHER, SITE, TWO, Make, Vas

HASH = bytes(32)
CROWDED = (
    r"^perspectives: {} of {} \(this VAS and its agents\) are outside the region {}, and {} may fail; "
    r"expected {} there at least$"
)


@dataclass
class Played:
    """An agent that sees the certificate at these addresses, or does not answer."""

    name: str
    region: str
    sees: tuple[bytes, ...] | None
    asked: list[ProbeTarget] = field(default_factory=list)
    texts: tuple[bytes, ...] | None = None  # what the DNS says there, or that it says nothing

    @property
    def perspective(self) -> Perspective:
        """Where it looks from."""
        return Perspective(self.name, self.region)

    def look(self, name: str, kind: RecordType, deadline: Deadline) -> Records:
        """Look into the DNS, or do not."""
        assert (name, kind, deadline.left() > 0) == ("_mecai-complaint.www.example.test", RecordType.TXT, True)
        if self.texts is None:
            raise HostError(f"agent {self.name}: timed out")
        return tuple(("", text) for text in self.texts)

    def ask(self, target: ProbeTarget, deadline: Deadline) -> Corroboration:
        """Answer, or do not."""
        self.asked.append(target)
        assert deadline.left() > 0
        if self.sees is None:
            raise HostError(f"agent {self.name}: timed out")
        sees = self.sees
        return Corroboration(
            tuple(
                ProbeResult(address, ProbeOutcome.AGREED, intermediates_matched=True)
                if address in sees
                else ProbeResult(address, ProbeOutcome.ANOTHER_CERTIFICATE, seen=(HASH,))
                for address in target.addresses
            )
        )


def with_agents(make: Make, *sees: tuple[bytes, ...] | None) -> tuple[Vas, list[Played]]:
    """Make a VAS in the north whose agents are in the east, the south, and the east again, and see this."""
    played = [Played(f"agent-{place}", ("east", "south")[place % 2], each) for place, each in enumerate(sees)]
    agents = tuple(AgentSettings(each.name, f"https://{each.name}.test", each.region) for each in played)
    settings = PerspectiveSettings("north", Path("key"), Path("certificate"), Path("roots"), agents)
    return make(agents=played, perspectives=settings), played


def test_a_voucher_says_how_many_agreed_and_the_log_which(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    vas, agents = with_agents(make, (ONE, TWO), None, (ONE, TWO))
    with caplog.at_level(logging.INFO):
        info = parse_voucher(vas.ask().data).info
    assert (info.perspectives, info.addresses) == (3, (ONE, TWO))
    (line,) = [record for record in caplog.records if record.message == "vouched"]
    assert line.perspectives == ("vas", "agent-0", "agent-2")  # type: ignore[attr-defined]
    (entry,) = review(vas.server.engine, 1)
    assert entry.signed.perspectives == line.perspectives  # type: ignore[attr-defined]
    assert "agent-1: timed out" in caplog.text
    assert all(len(agent.asked) == 1 for agent in agents)


def test_without_a_quorum_there_is_no_voucher_and_no_entry_in_the_log(make: Make) -> None:
    vas, _ = with_agents(make, (ONE, TWO), None, None)
    status, code, document = vas.refused()
    assert (status, code) == (409, "perspectives-disagree")
    assert document["detail"] == "1 of 3 other perspectives saw the certificate; that is no quorum"
    assert vas.rows() == (0, 0)


def test_who_answers_near_the_vas_alone_gets_no_voucher(make: Make) -> None:
    """The attack that one perspective cannot see: the VAS is shown his certificate, everybody else the site's."""
    vas, _ = with_agents(make, (), (), ())
    assert vas.refused()[:2] == (409, "perspectives-disagree")


def test_an_address_that_is_seen_differently_drops_out(make: Make) -> None:
    vas, _ = with_agents(make, (ONE, TWO), (ONE,), (ONE,))
    assert parse_voucher(vas.ask().data).info.addresses == (ONE,)


def test_no_agent_outweighs_the_vas_nor_is_asked_about_what_it_does_not_see(make: Make) -> None:
    vas, agents = with_agents(make, (ONE, TWO), (ONE, TWO), (ONE, TWO))
    vas.outside.shown = {ONE: OTHER.chain_der, TWO: OTHER.chain_der}
    assert vas.refused()[:2] == (409, "certificate-mismatch")
    assert all(not agent.asked for agent in agents)


def test_what_is_refused_before_the_probe_reaches_no_agent(make: Make) -> None:
    vas, agents = with_agents(make, (ONE, TWO), (ONE, TWO))
    assert vas.ask(b"no request").status_code == 400
    assert all(not agent.asked for agent in agents)


@pytest.mark.parametrize(
    ("regions", "names", "said"),
    [
        (("north",), ("a",), f"{CROWDED.format(0, 2, 'north', 0, 1)}"),
        (("north", "east"), ("a", "b"), f"{CROWDED.format(1, 3, 'north', 1, 2)}"),
        (("south", "south"), ("a", "b"), f"{CROWDED.format(1, 3, 'south', 1, 2)}"),
        (("north", "north", "south"), tuple("abc"), f"{CROWDED.format(1, 4, 'north', 1, 2)}"),
        ((*("south",) * 5, "east"), tuple("abcdef"), f"{CROWDED.format(2, 7, 'south', 2, 3)}"),
        (("North",), ("a",), "^perspectives: a region is written in two ways in north, North$"),
        (("south", "south "), ("a", "b"), "^perspectives: a region is written in two ways in north, south, south $"),
        (("north", "south"), ("a", "a"), "two agents of one name"),
        ((), (), "no .*agent.* is given"),
    ],
)
def test_agents_that_prove_nothing_are_no_setting(regions: tuple[str, ...], names: tuple[str, ...], said: str) -> None:
    agents = tuple(
        AgentSettings(name, "https://agent.test", region) for name, region in zip(names, regions, strict=True)
    )
    with pytest.raises(ValueError, match=said):
        PerspectiveSettings("north", Path("key"), Path("certificate"), Path("roots"), agents)


def is_setting(regions: Sequence[str]) -> bool:
    """Say whether a VAS in the north may have agents in these regions."""
    agents = tuple(AgentSettings(str(place), "https://agent.test", region) for place, region in enumerate(regions))
    try:
        PerspectiveSettings("north", Path("key"), Path("certificate"), Path("roots"), agents)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("count", range(1, 7))
def test_a_setting_is_a_quorum_whoever_fails_and_whatever_is_none_is_no_setting(count: int) -> None:
    """The VAS, where it looks into the DNS, or as many agents as may: each way to place so many in three regions."""
    for regions in product(("north", "south", "east"), repeat=count):
        places = [Perspective(str(place), region) for place, region in enumerate(("north", *regions))]
        left = combinations(places, len(places) - may_fail(count))
        assert is_setting(regions) is all(are_enough(each, count) for each in left)


PROOF = (hash_of(SITE.certificate).hex().encode(),)


@pytest.mark.parametrize(
    ("here", "there", "status", "said"),
    [
        (PROOF, (PROOF, PROOF), 200, ""),
        (PROOF, (PROOF, ()), 200, ""),
        ((), (PROOF, PROOF), 200, ""),  # who lies to the VAS alone keeps no owner from objecting
        (PROOF, (PROOF, None), 200, ""),
        (PROOF, ((), ()), 403, "seen so by 1 of 3 perspectives, which is no quorum"),  # ... nor objects in his place
        ((), (PROOF, ()), 403, "seen so by 1 of 3 perspectives, which is no quorum"),
        ((), ((), (b"x",)), 403, "1 TXT records, none of them that"),
        (PROOF, (None, None), 502, "the DNS does not say"),  # nor by cutting off who would say otherwise
    ],
)
def test_an_objection_is_proved_before_a_quorum(
    make: Make, here: tuple[bytes, ...], there: tuple[tuple[bytes, ...] | None, ...], status: int, said: str
) -> None:
    vas, agents = with_agents(make, (ONE, TWO), (ONE, TWO))
    assert vas.ask().status_code == 200
    vas.outside.texts["_mecai-complaint.www.example.test"] = here
    for agent, seen in zip(agents, there, strict=True):
        agent.texts = seen
    objection = {"certificate": hash_of(SITE.certificate).hex(), "domain": "www.example.test"}
    answer = vas.http.post("/v1/complaints", json=objection, headers={"X-Forwarded-For": "192.0.2.9"})
    assert (answer.status_code, said in answer.get_data(as_text=True)) == (status, True), answer.data


def test_a_vas_whose_lists_cannot_be_relied_on_is_not_ready_and_probes_nobody(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And says so before they end; newer ones are read without a word."""
    paths = {name: tmp_path / f"agents-{name}" for name in ("key", "certificate", "roots", "crl")}
    contents = {"key": SITE.key_pem, "certificate": SITE.pem, "roots": BIRCH.root.pem}
    for name, octets in contents.items():
        paths[name].touch(0o600)
        paths[name].write_bytes(octets)
    agent = AgentSettings("south", "https://agent.test", "south")
    vas = make(perspectives=PerspectiveSettings("north", agents=(agent,), **paths))
    status, code, document = vas.refused()
    assert (status, code, document["detail"], vas.outside.probes) == (
        503,
        "overloaded",
        "this node cannot vouch now",
        [],
    )
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["agents"]}
    assert "agents-crl: revocation list cannot be read (No such file or directory)" in caplog.text
    now = datetime.now(UTC)
    for days, concerns in ((13, {"concerns": ["agents"]}), (30, {})):
        paths["crl"].write_bytes(crl(BIRCH.issuing, span=(now - DAY, now + timedelta(days=days))))
        assert vas.server.readiness().answer() == ({"status": "ready"} | concerns, 200)
    paths["key"].write_bytes(BIRCH.issuing.key_pem)
    with pytest.raises(HostError, match=r"are no certificate and its key .*; see \[perspectives\]"):
        make(perspectives=PerspectiveSettings("north", agents=(agent,), **paths))
