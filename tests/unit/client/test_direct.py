"""Direct mode: whom this client asks itself, in which order, and what becomes of each answer (docs/spec M5)."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from mecai.client import direct
from mecai.client.direct import Question, ask_authorities
from mecai.client.tellable import Tellable
from mecai.client.verdict import Demand
from mecai.errors import VerificationError
from mecai.net.addresses import AddressPolicy
from mecai.protocol.objects.authorities import Authority, Server
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.verify.connection import Accepted, Policy
from mecai.service.deadline import Deadline
from mecai.tls import Facts
from mecai.vrp.answers import Held, RequestRefused
from tests.patience import SECONDS
from tests.pki import NOW, Hierarchy
from tests.scene import ADDRESS, HOST, Scene, authority_entry, directory_of

SCENE = Scene()
IDS = {name: authority_entry(getattr(SCENE, name)).authority for name in ("alder", "birch", "cedar", "dogwood")}
GOOD = {name: SCENE.voucher(getattr(SCENE, name)) for name in ("birch", "cedar", "dogwood")}
MAY = Tellable(("corp.test",), AddressPolicy((ip_network("198.18.0.0/15"),)))
FACTS = Facts("TLSv1.3", "", SCENE.site.chain_der, None, resumed=False, extended_master_secret=True)
DOWN = RequestRefused("no route")
Answer = bytes | Held | Exception | Callable[[], bytes]


@dataclass
class Authorities:
    """What each authority answers, by its name; whom the client told, in order, and of what."""

    answers: dict[str, Answer] = field(default_factory=lambda: dict[str, Answer](GOOD))
    told: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)

    def ask(self, server: Server, request: bytes, deadline: Deadline) -> bytes | Held:
        """Stand in for `mecai.vrp.ask.ask`."""
        assert deadline.left() <= SECONDS
        self.requests.append(request)
        answer = self.answers[server.url.removeprefix("https://vas.").removesuffix(".test")]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def tell(self, authority: Authority) -> None:
        """Note who is asked."""
        self.told.append(authority.name)


@pytest.fixture
def authorities(monkeypatch: pytest.MonkeyPatch) -> Authorities:
    asked = Authorities()
    monkeypatch.setattr(direct, "ask_server", asked.ask)
    return asked


def question(*names: str, quorum: int = 1, **changes: Any) -> Question:
    named = tuple(IDS[name] for name in names or ("birch", "cedar", "dogwood"))
    policy = Policy(named, quorum, contexts=("MOZ",))
    demand = Demand(SCENE.directory, policy, HOST, "198.18.0.10")
    own = {key: changes.pop(key) for key in ("port", "facts", "may") if key in changes}
    return Question(**{"demand": replace(demand, **changes), "facts": FACTS, "port": 443, "may": MAY, **own})


def ask(authorities: Authorities, asked: Question, seconds: float = SECONDS) -> Accepted:
    return ask_authorities(asked, authorities.tell, NOW, Deadline(seconds))


def refused(authorities: Authorities, asked: Question, seconds: float = SECONDS) -> tuple[str, str]:
    with pytest.raises(VerificationError) as caught:
        ask(authorities, asked, seconds)
    return caught.value.reason, caught.value.rule


def test_the_first_that_vouches_is_enough_and_nobody_else_is_told(authorities: Authorities) -> None:
    accepted = ask(authorities, question())
    assert [each.authority.name for each in accepted.vouched] == ["birch"]
    assert authorities.told == ["birch"]
    (request,) = map(VoucherRequest.decode, authorities.requests)
    expected = VoucherRequest(FACTS.chain[0], FACTS.chain[1:], (ADDRESS,), 443, HOST)
    assert request == expected


def test_as_many_are_asked_as_must_vouch(authorities: Authorities) -> None:
    accepted = ask(authorities, question(quorum=2))
    assert {each.authority.name for each in accepted.vouched} == {"birch", "cedar"}
    assert authorities.told == ["birch", "cedar"]


def test_where_one_refuses_the_next_is_asked(authorities: Authorities) -> None:
    authorities.answers |= {"birch": DOWN, "cedar": b"garbage"}
    accepted = ask(authorities, question())
    assert [each.authority.name for each in accepted.vouched] == ["dogwood"]
    assert authorities.told == ["birch", "cedar", "dogwood"]


def test_one_that_is_slow_keeps_nobody_waiting(authorities: Authorities) -> None:
    held = threading.Event()

    def slow() -> bytes:
        held.wait(SECONDS)
        return GOOD["birch"]

    authorities.answers["birch"] = slow
    accepted = ask(authorities, question(), 3.0)
    held.set()
    assert [each.authority.name for each in accepted.vouched] == ["cedar"]
    assert authorities.told == ["birch", "cedar"]


def test_one_that_is_slow_still_counts_when_it_comes(authorities: Authorities) -> None:
    asked = threading.Event()

    def slow() -> bytes:
        asked.wait(SECONDS)
        return GOOD["birch"]

    def refuses() -> bytes:
        asked.set()
        raise DOWN

    authorities.answers |= {"birch": slow, "cedar": refuses}
    accepted = ask(authorities, question("birch", "cedar"), 3.0)
    assert [each.authority.name for each in accepted.vouched] == ["birch"]


@pytest.fixture
def never() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_all_of_it_has_one_end(authorities: Authorities, never: threading.Event) -> None:
    def silent() -> bytes:
        never.wait(SECONDS)
        return b""

    authorities.answers = dict.fromkeys(GOOD, silent)
    assert refused(authorities, question(quorum=2), 0.1) == ("no-voucher", "M5")
    assert authorities.told == ["birch", "cedar", "dogwood"]


def test_without_time_nobody_is_told(authorities: Authorities) -> None:
    assert refused(authorities, question(), 0) == ("no-voucher", "M5")
    assert authorities.told == []


def test_who_owns_the_issuer_is_not_asked(authorities: Authorities) -> None:
    assert [each.authority.name for each in ask(authorities, question("alder", "cedar")).vouched] == ["cedar"]
    assert authorities.told == ["cedar"]
    assert refused(authorities, question("alder")) == ("no-voucher", "C1")
    assert authorities.told == ["cedar"]


OTHER = SCENE.voucher(SCENE.birch, site=SCENE.alder.server("other.example.test"))
MISMATCH = RequestRefused("certificate-mismatch: saw another", final=True, status=409, code="certificate-mismatch")


@pytest.mark.parametrize(
    ("answer", "reason", "rule"),
    [
        (Held(datetime(2026, 3, 5, tzinfo=UTC)), "no-voucher", "M5"),
        (RequestRefused("busy", status=429), "no-voucher", "M5"),
        (RequestRefused("overloaded", status=503), "no-voucher", "M5"),
        (RequestRefused("answered 302 text/html, which says nothing", status=302), "no-voucher", "M5"),
        (RequestRefused("revoked: gone", final=True, status=403, code="revoked"), "revoked", "M5"),
        (RequestRefused("untrusted: no", final=True, status=403, code="untrusted"), "no-voucher", "M5"),
        (RequestRefused("revoked: gone", final=True, status=410, code="revoked"), "no-voucher", "M5"),
        (DOWN, "no-voucher", "M5"),
        (MISMATCH, "certificate-mismatch", "M5"),
        (RequestRefused("a voucher of more than 16384 octets", final=True, status=200), "malformed", "M5"),
        (b"garbage", "malformed", "V1"),
        (OTHER, "certificate-mismatch", "V8"),
        (SCENE.voucher(SCENE.birch, addresses=(bytes(4),)), "address-mismatch", "V9"),
        (GOOD["dogwood"], "not-a-candidate", "V2"),
        (SCENE.voucher(SCENE.birch, trust_contexts=("OTHER",)), "context-missing", "V10"),
    ],
)
def test_each_answer_that_is_no_good_voucher_has_its_reason(
    answer: Answer, reason: str, rule: str, authorities: Authorities
) -> None:
    authorities.answers["birch"] = answer
    assert refused(authorities, question("birch")) == (reason, rule)


def test_the_first_candidate_gives_the_reason(authorities: Authorities) -> None:
    authorities.answers |= {"birch": DOWN, "cedar": b"garbage", "dogwood": MISMATCH}
    assert refused(authorities, question()) == ("no-voucher", "M5")
    assert refused(authorities, question("cedar", "birch")) == ("malformed", "V1")
    assert refused(authorities, question("dogwood", "cedar", "birch")) == ("certificate-mismatch", "M5")


def test_too_few_that_vouch_are_no_quorum(authorities: Authorities) -> None:
    authorities.answers |= {"cedar": DOWN, "dogwood": b"garbage"}
    assert refused(authorities, question(quorum=2)) == ("quorum", "C2")


def test_what_one_voucher_proves_revoked_is_revoked(authorities: Authorities) -> None:
    revoked = [SCENE.alder.ocsp(SCENE.site, status="revoked"), *SCENE.evidence()[1:]]
    authorities.answers["birch"] = SCENE.voucher(SCENE.birch, evidence=revoked)
    authorities.answers["cedar"] = DOWN
    assert refused(authorities, question("cedar", "birch"))[0] == "revoked"  # whoever the first candidate is


@pytest.mark.parametrize(
    "changes",
    [
        {"server_name": "wiki.corp.test"},
        {"peer_address": "10.0.0.1"},
        {"peer_address": None},
        {"port": None},
        {"port": 8443},
    ],
)
def test_of_what_is_private_or_not_probed_nobody_hears(changes: dict[str, Any], authorities: Authorities) -> None:
    site = SCENE.alder.server(HOST, "wiki.corp.test") if "server_name" in changes else SCENE.site
    asked = question(facts=replace(FACTS, chain=site.chain_der), **changes)
    assert refused(authorities, asked) == ("no-voucher", "M5")
    assert authorities.told == []


def test_of_a_chain_that_is_refused_nobody_hears(authorities: Authorities) -> None:
    strange = replace(FACTS, chain=Hierarchy("stranger").server(HOST).chain_der)
    assert refused(authorities, question(facts=strange)) == ("untrusted", "C4")
    assert refused(authorities, question(server_name="other.example.test")) == ("untrusted", "C4")
    assert authorities.told == []


def test_the_servers_of_one_authority_share_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = authority_entry(SCENE.birch)
    servers = tuple(Server(f"https://{number}.test", entry.servers[0].roots) for number in range(3))
    shares, now = list[float](), [0.0]

    def ask_server(server: Server, _request: bytes, deadline: Deadline) -> bytes:
        shares.append(deadline.left())
        now[0] += deadline.left()
        if server.url != "https://2.test":
            raise DOWN
        return GOOD["birch"]

    monkeypatch.setattr(direct, "ask_server", ask_server)
    directory = directory_of(authority_entry(SCENE.alder), replace(entry, servers=servers))
    asked = question("birch")
    asked = replace(asked, demand=replace(asked.demand, directory=directory))
    ask_authorities(asked, lambda _each: None, NOW, Deadline(9.0, lambda: now[0]))
    assert shares == [3.0, 3.0, 3.0]
