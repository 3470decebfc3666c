"""One connection's own roots, and no session of an earlier one."""

import gc
import ssl
from datetime import UTC, datetime

import pytest

from mecai import tls
from tests.pki import Hierarchy
from tests.unit.tls.memory import Pair, server_context

NAME = "www.example.test"
NOW = datetime.now(UTC).replace(microsecond=0)
ALDER, BIRCH = Hierarchy("alder", NOW), Hierarchy("birch", NOW)
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def trusting(ca: Hierarchy) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca.root.der)
    return context


def serving(ca: Hierarchy, *names: str) -> ssl.SSLContext:
    return server_context(ca.server(*(names or (NAME,))))


def confined(client: ssl.SSLContext, server: ssl.SSLContext) -> Pair:
    """Return a connection that trusts birch alone; what held its roots is gone."""
    pair = Pair(client, server, NAME)
    tls.trust_only(pair.connection, trusting(BIRCH))
    gc.collect()
    return pair


@VERSIONS
def test_a_connection_trusts_its_own_roots_and_no_others(version: ssl.TLSVersion) -> None:
    client = trusting(ALDER)
    client.minimum_version = client.maximum_version = version
    confined(client, serving(BIRCH)).handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        confined(client, serving(ALDER)).handshake()


def test_its_context_trusts_as_before() -> None:
    client = trusting(ALDER)
    confined(client, serving(BIRCH)).handshake()
    Pair(client, serving(ALDER), NAME).handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        Pair(client, serving(BIRCH), NAME).handshake()


def test_roots_that_come_later_count_for_the_context_alone() -> None:
    client = trusting(ALDER)
    pair = confined(client, serving(ALDER))
    client.load_verify_locations(cadata=ALDER.root.der)
    with pytest.raises(ssl.SSLCertVerificationError):
        pair.handshake()


def test_the_name_is_checked_as_before() -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)hostname mismatch"):
        confined(trusting(ALDER), serving(BIRCH, "other.example.test")).handshake()


@VERSIONS
@pytest.mark.parametrize("forgotten", [True, False])
def test_a_session_is_forgotten(version: ssl.TLSVersion, *, forgotten: bool) -> None:
    client, server = trusting(ALDER), serving(ALDER)
    server.minimum_version = server.maximum_version = version
    first = Pair(client, server, NAME)
    first.handshake()
    first.server.write(b"tickets come with this")
    first.client.read()
    second = Pair(client, server, NAME)
    second.client.session = first.client.session
    if forgotten:
        tls.forget_session(second.connection)
    second.handshake()
    assert second.client.session_reused is not forgotten
