"""An agent answers the questions of its VAS, and probes what its own list allows."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from mecai.cli import perspective
from mecai.net.dial import Unreachable
from mecai.net.dns_lookup import AliasRefused, Refuses
from mecai.perspective.app import make_app
from mecai.perspective.config import PerspectiveConfig
from mecai.probing.corroborate import Corroboration, ProbeOutcome, ProbeTarget
from mecai.probing.lookups import LONGEST, Lookup, Records, RecordType, parse_records
from mecai.probing.lookups import PATH as LOOKUP_PATH
from mecai.probing.offer import offers_for
from mecai.probing.questions import LARGEST_QUESTION, PATH, Question, parse_answer
from mecai.tls import UnsupportedRuntimeError
from tests.pki import DAY, Hierarchy, crl

SITE, OTHER = (Hierarchy(name).server("www.example.test") for name in ("alder", "birch"))
ONE, TWO, PRIVATE = (bytes(octets) for octets in ([198, 18, 0, 1], [198, 18, 0, 2], [10, 0, 0, 1]))
NONCE = bytes(16)
FILES = {name: Path(name) for name in ("key", "certificate", "roots")}
CONFIG = PerspectiveConfig(**FILES, allowed_networks=(ip_network("198.18.0.0/15"),))  # type: ignore[arg-type]


def question(*addresses: bytes, port: int = 443) -> Question:
    return Question(NONCE, ProbeTarget(addresses, port, "www.example.test", offers_for(SITE.chain), SITE.chain_der))


class Agent:
    """An agent whose probes are played: address one shows the site, two another certificate."""

    def __init__(self, config: PerspectiveConfig = CONFIG) -> None:
        self.probed: list[bytes] = []
        self.looked: list[tuple[str, RecordType]] = []
        self.client = make_app(config, self.probe, self.look).test_client()

    def probe(self, address: bytes, *_: object) -> tuple[bytes, ...]:
        """Show what the address shows."""
        self.probed.append(address)
        if address not in {ONE, TWO}:
            raise Unreachable("nobody")
        return SITE.chain_der if address == ONE else OTHER.chain_der

    def look(self, name: str, kind: RecordType, _deadline: object, refuses: Refuses) -> Records:
        """Say what the DNS says."""
        self.looked.append((name, kind))
        if name == "alias.test" and refuses("host.corp.test"):
            raise AliasRefused(name)
        if name == "silent.test":
            raise OSError("SERVFAIL")
        return (("iodef", b"mailto:a@b.test"), ("x", bytes(LONGEST + 1))) if kind is RecordType.CAA else ()

    def look_up(self, name: str, kind: str) -> TestResponse:
        """Ask what the DNS says."""
        body = {"nonce": NONCE.hex(), "name": name, "type": kind}
        return self.client.post(f"/{LOOKUP_PATH}", json=body)

    def ask(self, asked: Question) -> Corroboration:
        """Ask, and read the answer."""
        answered = self.client.post(f"/{PATH}", data=asked.encode(), content_type="application/json")
        assert answered.status_code == 200, answered.json
        return parse_answer(answered.data, asked)


def test_each_address_is_told_for_itself() -> None:
    one, two = Agent().ask(question(ONE, TWO)).results
    assert (one.outcome, one.intermediates_matched) == (ProbeOutcome.AGREED, True)
    assert two.outcome is ProbeOutcome.ANOTHER_CERTIFICATE


@pytest.mark.parametrize("refused", [(), (ip_network("198.18.0.2/32"),)])
def test_what_an_agent_refuses_it_does_not_probe(refused: tuple[object, ...]) -> None:
    """Its list is its own: the VAS may have another one."""
    agent = Agent(replace(CONFIG, refused_networks=refused))  # type: ignore[arg-type]
    last = TWO if refused else PRIVATE
    results = agent.ask(question(last, ONE)).results
    assert [each.outcome for each in results] == [ProbeOutcome.UNREACHABLE, ProbeOutcome.AGREED]
    assert agent.probed == [ONE]


def test_nothing_is_probed_where_all_is_refused() -> None:
    agent = Agent()
    assert agent.ask(question(PRIVATE)).results[0].outcome is ProbeOutcome.UNREACHABLE
    assert agent.probed == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (question(ONE, port=22).encode(), "application/json", 403),
        (b"{}", "application/json", 400),
        (b"\xff", "application/json", 400),
        (question(ONE).encode(), "text/plain", 415),
        (bytes(LARGEST_QUESTION + 1), "application/json", 413),
    ],
)
def test_what_is_no_question_is_refused(body: bytes, content_type: str, status: int) -> None:
    agent = Agent()
    answered = agent.client.post(f"/{PATH}", data=body, content_type=content_type)
    assert (answered.status_code, answered.content_type) == (status, "application/problem+json")
    assert agent.probed == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ports": (8443,)}, r"ports: 8443 is outside 1\.\.1023"),
        ({"port": 0}, "port: 0 is no port"),
        ({"parallel": 0}, "parallel: 0 is below 1"),
        ({"refused_domains": ("a b",)}, "refused_domains: 'a b' is no host name"),
    ],
)
def test_what_is_no_setting(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(CONFIG, **settings)


def test_an_agent_says_what_the_dns_says_to_it() -> None:
    agent = Agent()
    answered = agent.look_up("Example.test", "CAA")
    records = parse_records(answered.data, Lookup(NONCE, "example.test", RecordType.CAA))
    assert records == (("iodef", b"mailto:a@b.test"),)  # and no value that is too long
    assert agent.look_up("_mecai-complaint.example.test", "TXT").json == {"nonce": NONCE.hex(), "records": []}
    assert agent.looked == [("example.test", RecordType.CAA), ("_mecai-complaint.example.test", RecordType.TXT)]


@pytest.mark.parametrize(
    ("name", "kind", "status", "said"),
    [
        ("silent.test", "CAA", 502, "SERVFAIL"),
        ("hosts.corp.test", "TXT", 403, "name: hosts.corp.test is not looked up by this agent"),
        ("CORP.test", "TXT", 403, "name: corp.test is not looked up by this agent"),
        ("example.test", "A", 400, "question.type: expected one of CAA, TXT"),
        ("exa mple.test", "TXT", 400, "question.name: "),
        ("a_b.test", "TXT", 400, "question.name: "),
        ("alias.test", "TXT", 403, "name: alias.test stands for one that is not looked up by this agent"),
    ],
)
def test_what_an_agent_does_not_look_up(name: str, kind: str, status: int, said: str) -> None:
    agent = Agent(replace(CONFIG, refused_domains=("Corp.test",)))
    answered = agent.look_up(name, kind)
    assert (answered.status_code, answered.content_type) == (status, "application/problem+json")
    assert said in answered.json["detail"]  # type: ignore[index]
    assert len(agent.looked) == (name in {"silent.test", "alias.test"})
    assert agent.look_up("othercorp.test", "TXT").status_code == 200


def test_its_description_names_every_route_and_holds_for_what_it_answers() -> None:
    document = json.loads((files("mecai.perspective") / "openapi.json").read_bytes())
    agent = Agent()
    assert agent.client.get("/v1/openapi.json").json == document
    routes = {
        (rule.rule, method.lower())
        for rule in agent.client.application.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, methods in document["paths"].items() for method in methods}

    def fits(name: str, value: object) -> bool:
        return bool(Draft202012Validator(document["components"]["schemas"][name]).is_valid(value))

    probed = agent.client.post(f"/{PATH}", data=question(ONE, TWO).encode(), content_type="application/json").json
    looked = agent.look_up("example.test", "CAA").json
    assert fits("ProbeQuestion", json.loads(question(ONE).encode()))
    assert (fits("ProbeAnswer", probed), fits("LookupAnswer", looked)) == (True, True)
    assert (fits("ProbeAnswer", looked), fits("LookupAnswer", probed)) == (False, False)
    for path in ("healthz", "readyz"):
        assert fits({"healthz": "Health", "readyz": "Ready"}[path], agent.client.get(f"/{path}").json)
    for status, name in (("400", "x y"), ("502", "silent.test")):
        assert status in document["paths"]["/v1/lookup"]["post"]["responses"]
        assert fits("Problem", agent.look_up(name, "TXT").json)


@pytest.mark.parametrize(("days", "concerns"), [(13, {"concerns": ["crl"]}), (30, {})])
def test_lists_that_end_soon_are_a_concern(tmp_path: Path, days: int, concerns: dict[str, list[str]]) -> None:
    path, now = tmp_path / "crl.pem", datetime.now(UTC)
    path.write_bytes(crl(Hierarchy("agents").root, span=(now - DAY, now + timedelta(days=days))))
    answered = Agent(replace(CONFIG, crl=path)).client.get("/readyz")
    assert (answered.status_code, answered.json) == (200, {"status": "ready"} | concerns)
    assert Agent().client.get("/readyz").json == {"status": "ready"}


def unsupported(*_: object) -> None:
    raise UnsupportedRuntimeError("use the distribution's python3")


def test_an_agent_does_not_start_without_the_lists_that_are_named_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have ended are no reason: others may come."""
    started: list[str] = []
    monkeypatch.setattr(os, "execve", lambda *words: started.append(words[0]))
    own, now = Hierarchy("agents").server("agent.test"), datetime.now(UTC)
    paths = {name: tmp_path / name for name in ("key", "certificate", "roots", "crl")}
    for name, octets in (("key", own.key_pem), ("certificate", own.chain_pem), ("roots", Hierarchy("agents").root.pem)):
        paths[name].touch(0o600)
        paths[name].write_bytes(octets)
    config = tmp_path / "perspective.toml"
    config.write_text("".join(f'{name} = "{path}"\n' for name, path in paths.items()))

    def serve() -> Result:
        return CliRunner().invoke(perspective.command, ["serve", "--config", str(config)], standalone_mode=False)

    assert str(serve().exception) == f"{paths['crl']}: revocation list cannot be read (No such file or directory)"
    assert not started
    paths["crl"].write_bytes(crl(Hierarchy("agents").root, span=(now - 2 * DAY, now - DAY)))
    with monkeypatch.context() as patched:
        patched.setattr(perspective, "bound_certificates", unsupported)
        assert str(serve().exception) == "use the distribution's python3"
    assert not started
    assert serve().exception is None
    assert started
