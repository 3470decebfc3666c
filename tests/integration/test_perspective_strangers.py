"""Nobody keeps a VAS from its agents: real agents, many that connect to one and say little, one that says nothing."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.net.web import trusting
from mecai.perspective.worker import MOST_ARRIVING
from mecai.probing.agent import SECONDS
from mecai.probing.corroborate import ProbeOutcome
from mecai.probing.quorum import Perspective
from mecai.service.deadline import Deadline
from mecai.vas.issuance.lookout import Lookout
from tests.integration.test_perspective import HERE, OURS, SITE, STRANGER, Running, client, running, site, target

__all__ = ["site"]  # a fixture
MANY = 50


def client_hello() -> bytes:
    """Return what a client says first."""
    sent = ssl.MemoryBIO()
    begun = trusting([OURS.root.certificate]).wrap_bio(ssl.MemoryBIO(), sent, server_hostname=HERE)
    with pytest.raises(ssl.SSLWantReadError):
        begun.do_handshake()
    return sent.read()


@contextmanager
def strangers(agent: Running, count: int, octets: bytes) -> Iterator[list[socket.socket]]:
    """Connect so often, and send each time these octets and no more."""
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection((HERE, agent.port), SECONDS)) for _ in range(count)]
        for line in lines:
            line.sendall(octets)
        yield lines


def is_answered(agent: Running) -> bool:
    """Ask as a VAS does, once and within its bound."""
    (seen,) = agent.agent(client(OURS)).ask(target(), Deadline(SECONDS)).results
    return seen.outcome is ProbeOutcome.AGREED


def is_ended(line: socket.socket) -> bool:
    """Read what is said until the agent ends it; raises `TimeoutError` where it does not."""
    try:
        while line.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("part", [1, 100, None], ids=["one octet", "half a ClientHello", "no certificate"])
def test_the_vas_is_answered_while_strangers_shake_hands_without_end(tmp_path: Path, part: int | None) -> None:
    with running(tmp_path) as agent, strangers(agent, MANY, client_hello()[:part]) as lines:
        assert is_answered(agent)
        assert all(map(is_ended, lines))


@pytest.mark.usefixtures("site")
def test_and_while_there_are_more_of_them_than_it_lets_begin(tmp_path: Path) -> None:
    with running(tmp_path) as agent, strangers(agent, MOST_ARRIVING + MANY, b"\x16"):
        assert is_answered(agent)


def test_where_an_operator_names_the_clients_networks_nobody_else_begins_a_handshake(tmp_path: Path) -> None:
    """The agent is asked by 127.0.0.1 whether it is ready."""
    hello = client_hello()
    with running(tmp_path, settings='clients = ["127.0.0.1/32", "192.0.2.0/24"]') as agent:
        for address, answered in (("127.0.0.1", True), (HERE, False)):
            with socket.create_connection((HERE, agent.port), SECONDS, source_address=(address, 0)) as line:
                assert said(line, hello) is answered


@pytest.mark.usefixtures("site")
def test_an_agent_that_says_nothing_keeps_no_request_waiting(tmp_path: Path) -> None:
    """It takes connections, and leaves them at that; of two agents one may fail."""
    with running(tmp_path) as agent, socket.create_server((HERE, 0)) as mute:
        east = agent.agent(client(OURS))
        south = replace(east, perspective=Perspective("south", "south"), url=f"https://{HERE}:{mute.getsockname()[1]}")
        lookout = Lookout("north", lambda *_: SITE.chain_der, (east, south))
        began = time.monotonic()
        for _ in range(2):
            found = lookout.look(target(), Deadline(SECONDS * 2))
            assert [each.name for each in found.perspectives] == ["vas", "east"]
            assert time.monotonic() - began < SECONDS - 1
            began = time.monotonic()
        mute.setblocking(False)
        with mute.accept()[0], pytest.raises(BlockingIOError):  # the first alone had it asked
            mute.accept()


def said(line: socket.socket, hello: bytes) -> bool:
    """Tell whether the agent says something to a ClientHello."""
    try:
        line.sendall(hello)
        return bool(line.recv(1))
    except ConnectionError:
        return False


@pytest.mark.parametrize(
    ("count", "said"), [(2, "unknown ca"), (12, "illegal parameter")], ids=["few", "more than any VAS has"]
)
def test_certificates_of_a_stranger_are_read_up_to_a_bound(tmp_path: Path, count: int, said: str) -> None:
    """Each costs the agent up to 0.7 ms before it is judged; OpenSSL itself takes 100 KiB of them."""
    shown = client(STRANGER)
    with running(tmp_path) as agent:
        context = agent.agent(shown).context()
        (tmp_path / "many.pem").touch(0o600)
        (tmp_path / "many.pem").write_bytes(shown.key_pem + shown.pem * count)
        context.load_cert_chain(tmp_path / "many.pem")
        with (
            socket.create_connection((HERE, agent.port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=HERE) as line,
            pytest.raises(ssl.SSLError, match=said),
        ):
            line.recv(1)
