"""A chain that OpenSSL has verified is not verified again; any other one is, and whatever goes wrong."""

import _ssl
import gc
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mecai import tls
from mecai.tls import verifying
from tests.pki import Hierarchy
from tests.unit.tls.memory import Pair, server_context

NAME = "www.example.test"
NOW = datetime.now(UTC).replace(microsecond=0)
ALDER, BIRCH = Hierarchy("alder", NOW), Hierarchy("birch", NOW)
SITE = server_context(ALDER.server(NAME))
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@pytest.fixture
def client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ALDER.root.der)
    tls.install_verified(context)
    return context


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Hold what OpenSSL found each time that it verified."""
    found: list[int] = []

    class Noting:
        def X509_verify_cert(self, store: int) -> int:  # noqa: N802 - OpenSSL's name
            found.append(real.X509_verify_cert(store))
            return found[-1]

    real = verifying._waiting()
    monkeypatch.setattr(verifying, "_waiting", Noting)
    return found


def meet(
    client: ssl.SSLContext, server: ssl.SSLContext, before: tls.Exchange | None = None
) -> tuple[Pair, tls.Exchange]:
    """Shake hands, with what an earlier exchange has."""
    pair, exchange = Pair(client, server, NAME), tls.Exchange({})
    exchange.known = before.verified if before else None
    tls.attach(pair.connection, exchange)
    pair.handshake()
    return pair, exchange


def path(pair: Pair) -> list[bytes]:
    return [each.public_bytes(_ssl.ENCODING_DER) for each in pair.connection.get_verified_chain()]  # type: ignore[attr-defined]  # since 3.10


@VERSIONS
def test_the_same_chain_has_the_path_of_then(client: ssl.SSLContext, times: list[int], version: ssl.TLSVersion) -> None:
    client.maximum_version = version
    first, exchange = meet(client, SITE)
    expected = path(first)
    del first
    for _ in range(3):
        again, exchange = meet(client, SITE, exchange)
        gc.collect()
        assert path(again) == expected
        assert again.client.getpeercert()
        assert tls.read_facts(again.connection).chain == ALDER.server(NAME).chain_der
    assert len(expected) == 3
    assert times == [1]


def test_another_certificate_is_verified(client: ssl.SSLContext, times: list[int]) -> None:
    _, exchange = meet(client, SITE)
    _, other = meet(client, server_context(ALDER.server(NAME, "also.example.test")), exchange)
    assert times == [1, 1]
    assert other.verified not in {None, exchange.verified}


@pytest.mark.parametrize("server", [lambda: BIRCH.server(NAME), lambda: ALDER.server("other.example.test")])
def test_what_does_not_verify_is_refused(client: ssl.SSLContext, times: list[int], server: Callable[[], Any]) -> None:
    _, exchange = meet(client, SITE)
    answering = server_context(server())
    pair, other = Pair(client, answering, NAME), tls.Exchange({})
    other.known = exchange.verified
    tls.attach(pair.connection, other)
    with pytest.raises(ssl.SSLCertVerificationError):
        pair.handshake()
    assert other.verified is None
    assert times == [1, 0]


def test_a_connection_without_an_exchange_is_verified(client: ssl.SSLContext, times: list[int]) -> None:
    Pair(client, SITE, NAME).handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        Pair(client, server_context(BIRCH.server(NAME)), NAME).handshake()
    assert times == [1, 0]


def test_an_error_of_openssl_verifies_nothing(client: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def X509_verify_cert(self, _store: int) -> int:  # noqa: N802 - OpenSSL's name
            return -1

    monkeypatch.setattr(verifying, "_waiting", Failing)
    with pytest.raises(ssl.SSLError):
        meet(client, SITE)


CHANGES: dict[str, Callable[[ssl.SSLContext], None]] = {
    "names": lambda context: setattr(context, "check_hostname", False),
    "names in the subject": lambda context: setattr(context, "hostname_checks_common_name", False),
    "strictness": lambda context: setattr(context, "verify_flags", context.verify_flags ^ ssl.VERIFY_X509_STRICT),
    "algorithms": lambda context: context.set_ciphers("DEFAULT@SECLEVEL=3"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_chain_is_held_against_is_part_of_it(
    client: ssl.SSLContext, times: list[int], change: Callable[[ssl.SSLContext], None]
) -> None:
    _, exchange = meet(client, SITE)
    change(client)
    _, exchange = meet(client, SITE, exchange)
    assert times == [1, 1]
    meet(client, SITE, exchange)
    assert times == [1, 1]


def test_a_connection_has_the_settings_that_it_was_made_with(client: ssl.SSLContext, times: list[int]) -> None:
    """As `ssl` has it: what the context says when the handshake begins is that of later ones."""
    early = Pair(client, SITE, NAME)
    CHANGES["strictness"](client)
    _, exchange = meet(client, SITE)
    other = tls.Exchange({})
    other.known = exchange.verified
    tls.attach(early.connection, other)
    early.handshake()
    assert times == [1, 1]


@pytest.mark.parametrize("name", ["also.example.test", "127.0.0.1", "127.0.0.2"])
def test_for_another_name_or_address_a_chain_is_verified(client: ssl.SSLContext, times: list[int], name: str) -> None:
    server = server_context(ALDER.server("also.example.test", NAME, "127.0.0.1", "127.0.0.2"))
    for former in (NAME, "127.0.0.1"):
        times.clear()
        first, exchange = Pair(client, server, former), tls.Exchange({})
        tls.attach(first.connection, exchange)
        first.handshake()
        second, other = Pair(client, server, name), tls.Exchange({})
        other.known = exchange.verified
        tls.attach(second.connection, other)
        second.handshake()
        assert times == ([1] if name == former else [1, 1])


def test_for_other_roots_a_chain_is_verified(client: ssl.SSLContext, times: list[int]) -> None:
    _, exchange = meet(client, SITE)
    strangers = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    strangers.load_verify_locations(cadata=BIRCH.root.der)
    pair, other = Pair(client, SITE, NAME), tls.Exchange({})
    tls.trust_only(pair.connection, strangers)
    other.known = exchange.verified
    tls.attach(pair.connection, other)
    with pytest.raises(ssl.SSLCertVerificationError):
        pair.handshake()
    assert times == [1, 0]


@pytest.mark.parametrize("flag", [ssl.VERIFY_CRL_CHECK_LEAF, ssl.VERIFY_CRL_CHECK_CHAIN])
def test_nothing_stands_where_crls_count(client: ssl.SSLContext, flag: ssl.VerifyFlags, times: list[int]) -> None:
    _, exchange = meet(client, SITE)
    client.verify_flags |= flag
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get certificate CRL"):
        meet(client, SITE, exchange)
    assert times == [1, 0]


def test_what_passed_by_crls_is_not_kept(monkeypatch: pytest.MonkeyPatch, client: ssl.SSLContext) -> None:
    class Passing:
        def X509_verify_cert(self, _store: int) -> int:  # noqa: N802 - OpenSSL's name
            return 1

    monkeypatch.setattr(verifying, "_waiting", Passing)
    client.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    assert meet(client, SITE)[1].verified is None
