"""What the module makes of a ClientHello: rules T1, T3, T4 and T5."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mecai.protocol.codec.tls_request import RequestExtension
from tests.integration.nginx_module.server import Nginx, Staples
from tests.integration.nginx_module.tls import TLS12, TLS13, TLSRemoteAlert, ask
from tests.ports import free_port
from tests.scene import Scene, authority_entry

DECODE_ERROR = 50
ILLEGAL_PARAMETER = 47
ONE, TWO = bytes(range(8)), bytes(range(8, 16))


def octets(
    *,
    version: int = 1,
    quorum: int = 1,
    candidates: bytes = ONE,
    contexts: bytes = b"",
    cached: bytes = b"",
) -> bytes:
    """Return a request whose every field may be wrong; the lengths are those of the fields."""
    head = bytes((version, quorum, len(candidates))) + candidates + bytes((len(contexts),)) + contexts
    return head + len(cached).to_bytes(2) + cached


GOOD = octets()
MALFORMED = {
    "version alone": (GOOD[:1], DECODE_ERROR),
    "cut in quorum": (GOOD[:2], DECODE_ERROR),
    "cut in candidates": (GOOD[:7], DECODE_ERROR),
    "cut before contexts": (GOOD[:11], DECODE_ERROR),
    "cut before cached": (GOOD[:12], DECODE_ERROR),
    "cut in the length of cached": (GOOD[:13], DECODE_ERROR),
    "trailing octet": (GOOD + b"\0", DECODE_ERROR),
    "no candidates": (octets(candidates=b""), DECODE_ERROR),
    "seven octets of candidate": (octets(candidates=ONE[:7]), DECODE_ERROR),
    "seventeen candidates": (octets(candidates=bytes(range(136))), DECODE_ERROR),
    "empty context": (octets(contexts=b"\0"), DECODE_ERROR),
    "context of 33": (octets(contexts=b"\x21" + b"M" * 33), DECODE_ERROR),
    "context cut": (octets(contexts=b"\x04MOZ"), DECODE_ERROR),
    "cached of 31": (octets(cached=bytes(31)), DECODE_ERROR),
    "seventeen cached": (octets(cached=bytes(17 * 32)), DECODE_ERROR),
    "quorum 0": (octets(quorum=0), ILLEGAL_PARAMETER),
    "quorum above candidates": (octets(quorum=2), ILLEGAL_PARAMETER),
    "candidate twice": (octets(quorum=1, candidates=ONE + TWO + ONE), ILLEGAL_PARAMETER),
    "context in lower case": (octets(contexts=b"\x03moz"), ILLEGAL_PARAMETER),
    "context with NUL": (octets(contexts=b"\x02M\0"), ILLEGAL_PARAMETER),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, modules: Path, scene: Scene) -> Iterator[int]:
    """Give one nginx for this file, with a voucher of birch."""
    home = tmp_path_factory.mktemp("nginx")
    nginx = Nginx(home, modules, Staples(tmp_path_factory.mktemp("staples")))
    nginx.staples.voucher(scene.site, authority_entry(scene.birch).authority, scene.voucher(scene.birch))
    number = free_port()
    nginx.start(nginx.server(number, scene.site, options="ssl_ecdh_curve prime256v1;"))
    try:
        yield number
    finally:
        nginx.stop()


@pytest.fixture
def good(scene: Scene) -> bytes:
    """Give a request that birch's voucher answers."""
    return RequestExtension(1, (authority_entry(scene.birch).authority,)).encode()


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_request_is_refused(port: int, case: str, version: tuple[int, int]) -> None:
    request, alert = MALFORMED[case]
    with pytest.raises(TLSRemoteAlert) as caught:
        ask(port, request, version=version)
    assert caught.value.description == alert


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_another_s_extension_by_the_same_number_ends_no_handshake(port: int, version: tuple[int, int]) -> None:
    """An empty one is of no version; one without `voucher` beside it was not sent by a client of vouchers."""
    for voucher in (None, b"", b"their own"):
        assert ask(port, b"", voucher=voucher, version=version).vouchers is None
    for request, _ in MALFORMED.values():
        assert ask(port, request, voucher=None, version=version).vouchers is None


def test_largest_request_is_taken(port: int, good: bytes) -> None:
    authority = good[3:11]
    others = b"".join(bytes((number,)) * 8 for number in range(1, 16))
    contexts = b"".join(b"\x1f" + bytes((65 + number,)) * 31 for number in range(7)) + b"\x1e" + b"Z" * 30
    request = octets(quorum=16, candidates=others + authority, contexts=contexts, cached=bytes(512))
    assert ask(port, request).vouchers is None  # no voucher has one of these contexts
    assert ask(port, octets(quorum=16, candidates=others + authority, cached=bytes(512))).vouchers is not None


@pytest.mark.parametrize("version", [0, 2, 255])
def test_other_version_is_ignored(port: int, good: bytes, version: int) -> None:
    assert ask(port, bytes((version,)) + good[1:]).vouchers is None
    assert ask(port, bytes((version,))).vouchers is None


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_both_extensions_are_needed(port: int, good: bytes, version: tuple[int, int]) -> None:
    assert ask(port, good, version=version).vouchers is not None
    assert ask(port, None, version=version).vouchers is None
    assert ask(port, good, voucher=None, version=version).vouchers is None
    assert ask(port, None, voucher=None, version=version).vouchers is None


def test_voucher_of_a_client_is_empty(port: int, good: bytes) -> None:
    with pytest.raises(TLSRemoteAlert) as caught:
        ask(port, good, voucher=b"\0")
    assert caught.value.description == DECODE_ERROR
    assert ask(port, None, voucher=b"something else by the same number").vouchers is None


def test_hello_retry_request(port: int, good: bytes) -> None:
    answer = ask(port, good, retry=True)
    assert answer.retried
    assert answer.vouchers is not None
    with pytest.raises(TLSRemoteAlert):
        ask(port, good + b"\0", retry=True)


def test_second_client_hello_counts(port: int, good: bytes) -> None:
    """Nothing of the first request is left when the second is of another version, or malformed."""
    other_version = b"\2" + good[1:]
    assert ask(port, good, retry=True, second_request=other_version).vouchers is None
    assert ask(port, other_version, retry=True, second_request=good).vouchers is not None
    with pytest.raises(TLSRemoteAlert):
        ask(port, good, retry=True, second_request=good + b"\0")
