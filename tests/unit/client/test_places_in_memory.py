"""A connection that lies where a former one lay in memory has nothing of it, whoever keeps the former's exchange.

A program may keep a socket that it closed, and an audit keeps what it is about: the place goes to the next connection.
"""

import ssl
from pathlib import Path
from typing import Any

import pytest

from mecai import tls
from mecai.client import ClientPolicy, VoucherContext, VoucherObject, peer
from mecai.client.domain_entry import DomainEntry
from mecai.client.intranet_entry import IntranetEntry
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from tests.pki import Hierarchy
from tests.scene import HOST
from tests.unit.client.world import World
from tests.unit.tls.memory import Extension, Pair, server_context, stapling_server

world = World()
OFF, PRIVATE = "off.test", "wiki.corp.test"
CORP = Hierarchy("corp", world.now)


@pytest.fixture
def context(tmp_path: Path) -> VoucherContext:
    roots = tmp_path / "corp.pem"
    roots.write_bytes(CORP.root.pem)
    domains = DomainEntry((OFF,), mode="off"), DomainEntry(("direct.test",), direct="always")
    return make(domains=domains, intranets=(IntranetEntry(("corp.test",), roots),))


def make(**settings: Any) -> VoucherContext:
    policy = ClientPolicy(**{"candidates": 4, "resume": True} | settings)
    return VoucherContext(policy, world.directory, bytes(32), clock=lambda: world.now)


def meet(
    context: VoucherContext, server: ssl.SSLContext, name: str = HOST, former: tls.Exchange | None = None
) -> VoucherObject:
    """Connect to what lies where the connection of `former` lay."""
    pair = Pair(context, server, name)
    if former:
        tls.attach(pair.connection, former)
    with peer("127.0.0.1"):
        pair.handshake()
        pair.server.write(b"tickets come with this")
        pair.client.read()
    assert isinstance(pair.client, VoucherObject)
    return pair.client


def exchange_of(context: VoucherContext) -> tls.Exchange:
    """Return the exchange of an accepted connection, which knew the chain."""
    server = stapling_server(world.site, world.answer("birch", "cedar", "dogwood"))
    server.options |= ssl.OP_NO_TICKET
    server.num_tickets = 0
    exchange = [meet(context, server) for _ in range(2)][-1]._attempt.exchange  # type: ignore[union-attr]
    assert exchange.known is not None
    return exchange


def test_a_chain_that_was_verified_is_none_of_another_name(context: VoucherContext) -> None:
    former = exchange_of(context)
    for name in (OFF, PRIVATE, "direct.test"):
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
            meet(context, server_context(world.site), name, former)


@pytest.mark.parametrize("name", [OFF, PRIVATE, "direct.test", "under_score.test"])
def test_nothing_is_asked_of_it_for_another(context: VoucherContext, name: str) -> None:
    former, server = exchange_of(context), server_context(world.site)
    asked = Extension().install(server, VOUCHER_REQUEST)
    with pytest.raises(ssl.SSLError):
        meet(context, server, name, former)
    assert asked.seen == []


def test_no_session_of_another_server_is_kept_for_it() -> None:
    """Whoever is that other server could go on with it in the place of this one."""
    context = make(domains=(DomainEntry((OFF,), mode="off"),))
    former, other = exchange_of(context), server_context(world.alder.server(OFF))
    meet(context, other, OFF, former)
    pair = Pair(context, other)
    with peer("127.0.0.1"), pytest.raises(ssl.SSLError):
        pair.handshake()
    assert not pair.client.session_reused
