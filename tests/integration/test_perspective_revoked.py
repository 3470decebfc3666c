"""Keys that were stolen: real agents and their VAS's real way to them, which read newer lists of their CA at once."""

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from mecai.cli.asking_agents import ask_agents
from mecai.errors import HostError
from mecai.protocol.objects.voucher import parse_voucher
from mecai.service.deadline import Deadline
from mecai.vas.config import AgentSettings, PerspectiveSettings
from mecai.vas.issuance.lookout import Lookout, guarded, make_agents
from mecai.vas.refusal import Refusal
from tests.integration import vouching
from tests.integration.test_perspective import HERE, NOW, OURS, SERVED, SITE, Running, client, running, site, target
from tests.patience import SECONDS
from tests.pki import DAY, HOUR, Issued, crl, issue, key, leaf_extensions

__all__ = ["site"]  # a fixture
LASTING = NOW - HOUR, NOW + 90 * DAY
EAST, SOUTH = SERVED, OURS.server(HERE, server_key=key("south"), days=80)
STOLEN = client(OURS)
SUCCESSOR = issue(
    "VAS",
    key("VAS anew"),
    OURS.root,
    leaf_extensions(ExtendedKeyUsageOID.CLIENT_AUTH, ["vas.birch.test"]),
    span=LASTING,
)
ENDED = NOW - 2 * DAY, NOW - DAY


def publish(path: Path, *revoked: Issued, span: tuple[datetime, datetime] = LASTING) -> None:
    """Bring the lists of both issuers, in one step, as the role does."""
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(crl(issuer, *revoked, span=span) for issuer in (OURS.root, OURS.issuing)))
    new.replace(path)


def settings(folder: Path, agents: Sequence[Running]) -> PerspectiveSettings:
    """Write what a VAS has for its agents, in the east and the south."""
    paths = {name: folder / f"vas-{name}" for name in ("key", "certificate", "roots", "crl")}
    for name, octets in (("key", STOLEN.key_pem), ("certificate", STOLEN.pem), ("roots", OURS.root.pem)):
        paths[name].touch(0o600)
        paths[name].write_bytes(octets)
    publish(paths["crl"])
    places = zip(("east", "south"), agents, strict=False)
    named = tuple(AgentSettings(place, f"https://{HERE}:{agent.port}", place) for place, agent in places)
    return PerspectiveSettings("north", agents=named, **paths)


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[list[Running]]:
    """Run one in the east and one in the south, each with a key of its own, and lists of their CA."""
    publish(tmp_path / "crl")
    config = f'allowed_networks = ["127.0.0.0/8"]\ncrl = "{tmp_path}/crl"'
    with ExitStack() as stack:
        started = []
        for name, served in (("east", EAST), ("south", SOUTH)):
            (tmp_path / name).mkdir()
            started.append(stack.enter_context(running(tmp_path / name, settings=config, served=served)))
        yield started


@pytest.mark.usefixtures("site")
def test_a_revoked_agent_counts_no_more(
    tmp_path: Path, agents: list[Running], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where the lists have ended, none does."""
    monkeypatch.setattr("mecai.probing.patience.GRACE_SECONDS", SECONDS)  # a busy machine makes nobody late
    known = settings(tmp_path, agents)
    tls = guarded(known)
    lookout = Lookout("north", lambda *_: SITE.chain_der, make_agents(known, tls))

    def agreed() -> list[str]:
        return [each.name for each in lookout.look(target(), Deadline(SECONDS)).perspectives]

    assert agreed() == ["vas", "east", "south"]
    assert known.crl is not None
    publish(known.crl, SOUTH)
    assert agreed() == ["vas", "east"]
    assert "agent south: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate revoked" in caplog.text
    publish(known.crl, span=ENDED)
    with pytest.raises(Refusal, match="0 of 2 other perspectives saw the certificate"):
        agreed()
    assert f"{known.crl}: its lists hold from" in caplog.text


def test_a_vas_that_runs_reads_newer_lists_and_vouches_for_nothing_without_good_ones(
    tmp_path: Path, agents: list[Running]
) -> None:
    """The whole server, not started anew in between: a voucher of three perspectives, of two, and none."""
    known = settings(tmp_path, agents)
    assert known.crl is not None
    lines = ["[perspectives]", 'region = "north"']
    lines += [f'{name} = "{getattr(known, name)}"' for name in ("key", "certificate", "roots", "crl")]
    for each in known.agents:
        lines += ["[[perspectives.agent]]", f'name = "{each.name}"', f'url = "{each.url}"', f'region = "{each.region}"']
    (tmp_path / "world").mkdir()
    with vouching.running(tmp_path / "world", more="\n".join(lines)) as world:

        def seen_by() -> int | None:
            status, answer = world.ask()
            return parse_voucher(answer).info.perspectives if status == HTTPStatus.OK else None

        def require_at_last(most: int) -> None:
            """Ask until a voucher is of so many, and none of more: who was late counts another time."""
            deadline = Deadline(SECONDS)
            while (seen := seen_by()) != most:
                assert seen is None or seen < most
                deadline.require()

        def readiness() -> object:
            return json.loads(world.http("GET", "/readyz")[1])

        require_at_last(3)
        publish(known.crl, SOUTH)
        require_at_last(2)
        publish(known.crl, span=ENDED)
        assert world.ask()[0] == HTTPStatus.SERVICE_UNAVAILABLE
        assert readiness() == {"status": "not ready", "failed": ["agents"]}
        publish(known.crl)
        require_at_last(3)


def test_a_revoked_client_is_refused_in_the_handshake(tmp_path: Path, agents: list[Running]) -> None:
    """By an agent that goes on; one whose key is another is answered."""
    east, _ = agents
    east.agent(STOLEN).require_ready(Deadline(SECONDS))
    publish(tmp_path / "crl", STOLEN)
    with pytest.raises(HostError, match=r"^agent east: .*alert certificate revoked"):
        east.agent(STOLEN).require_ready(Deadline(SECONDS))
    east.agent(SUCCESSOR).require_ready(Deadline(SECONDS))


def test_an_agent_whose_lists_have_ended_lets_nobody_in_and_says_so_once(tmp_path: Path, agents: list[Running]) -> None:
    east, _ = agents
    publish(tmp_path / "crl", span=ENDED)
    for _ in range(3):
        with pytest.raises(HostError, match=r"^agent east: "):
            east.agent(STOLEN).require_ready(Deadline(SECONDS))
    publish(tmp_path / "crl")
    east.agent(STOLEN).require_ready(Deadline(SECONDS))
    lines = [line for line in (tmp_path / "east/log").read_text().splitlines() if "let in" in line]
    assert ["nobody is let in: " in lines[0], "clients are let in again" in lines[1], len(lines)] == [True, True, 2]
    assert f"{tmp_path}/crl: its lists hold from" in lines[0]


def test_an_agent_whose_lists_end_soon_says_so_to_its_operator(tmp_path: Path, agents: list[Running]) -> None:
    known = settings(tmp_path, agents)
    states, enough = ask_agents(known)
    assert [(each.agent, each.fault, each.concerns, enough) for each in states] == [
        (place, None, (), True) for place in ("east", "south")
    ]
    publish(tmp_path / "crl", span=(NOW - DAY, NOW + 13 * DAY))
    east, _ = agents
    deadline = Deadline(SECONDS)
    while east.agent(STOLEN).require_ready(deadline) != ("crl",):  # what it said is kept for a second
        deadline.require()


def test_no_connection_lives_on_what_was_judged_before(tmp_path: Path, agents: list[Running]) -> None:
    """It has questions while the lists are those by which it was let in, and none begins with what another one left."""
    east, _ = agents
    context = east.agent(STOLEN).context()
    with (
        socket.create_connection((HERE, east.port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HERE) as line,
    ):
        assert [_is_answered(line), _is_answered(line)] == [True, True]
        assert line.session is None or not line.session.has_ticket
        publish(tmp_path / "crl", STOLEN)
        assert not _is_answered(line)


@pytest.mark.usefixtures("site")
def test_a_kept_connection_of_a_revoked_client_is_as_good_as_none(tmp_path: Path, agents: list[Running]) -> None:
    east, _ = agents
    agent = east.agent(STOLEN)
    agent.ask(target(), Deadline(SECONDS))
    publish(tmp_path / "crl", STOLEN)
    with pytest.raises(HostError, match=r"^agent east: .*alert certificate revoked"):
        agent.ask(target(), Deadline(SECONDS))


def _is_answered(line: socket.socket) -> bool:
    """Ask whether an agent is ready; tell whether it says so rather than end the connection."""
    try:
        line.sendall(b"GET /readyz HTTP/1.1\r\nHost: agent\r\n\r\n")
        with line.makefile("rb") as file:
            head = b"".join(iter(file.readline, b"\r\n")) if file.peek(1) else b""
            length = re.search(rb"Content-Length: ([0-9]+)", head)
            return length is not None and bool(file.read(int(length[1])))
    except ConnectionError:
        return False
