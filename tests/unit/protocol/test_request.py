"""VoucherRequest: rules R2 and R3."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.codec import der
from mecai.protocol.objects import request
from mecai.protocol.objects.request import VoucherRequest
from tests.pki import Hierarchy
from tests.scene import ADDRESS, HOST, refuses
from tests.unit.protocol.strategies import addresses, changed, parsed

ALDER = Hierarchy("alder")
REQUEST = VoucherRequest(ALDER.server(HOST).der, (ALDER.issuing.der,), (ADDRESS,), 443, HOST, b"succession")
DER = REQUEST.encode()


@given(addresses, st.integers(1, 1023), st.none() | st.just(HOST), st.none() | st.binary(min_size=1, max_size=99))
def test_round_trip(to: tuple[bytes, ...], port: int, name: str | None, succession: bytes | None) -> None:
    value = replace(REQUEST, addresses=to, port=port, server_name=name, succession=succession)
    assert VoucherRequest.decode(value.encode()) == value


@given(st.binary(max_size=300))
def test_any_octets_are_malformed_and_nothing_else(octets: bytes) -> None:
    with refuses("malformed", "R3"):
        VoucherRequest.decode(octets)


@pytest.mark.filterwarnings("ignore")  # the library warns of oddities that it lets pass
@given(changed(DER))
def test_a_changed_octet_is_malformed_or_another_request(octets: bytes) -> None:
    request = parsed(VoucherRequest.decode, octets, "R3")
    assert request is None or request.encode() == octets


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"certificate": b"none"}, "certificate"),
        ({"intermediates": (ALDER.issuing.der, b"none")}, r"intermediates\[1\]"),
        ({"intermediates": (ALDER.issuing.der,) * 9}, "VoucherRequest"),
        ({"addresses": ()}, "addresses"),
        ({"addresses": (ADDRESS, ADDRESS)}, "addresses"),
        ({"addresses": (bytes(5),)}, "addresses"),
        ({"port": 0}, "port"),
        ({"port": 1024}, "port"),
        ({"server_name": ""}, "serverName"),
        ({"server_name": "WWW.example.test"}, "serverName"),
        ({"server_name": "www.example.test."}, "serverName"),
        ({"server_name": "www..example"}, "serverName"),
        ({"server_name": "a" * 64}, "serverName"),
        ({"server_name": "*.example.test"}, "serverName"),
        ({"succession": b""}, "succession"),
        ({"succession": bytes(65 * 1024)}, "VoucherRequest"),
    ],
)
def test_each_fault_names_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Malformed, match=field) as caught:
        replace(REQUEST, **changes).encode()
    assert caught.value.rule == "R3"


def test_a_long_name_is_not_quoted() -> None:
    with pytest.raises(Malformed, match="serverName: 60000 octets, more than the 253 allowed"):
        replace(REQUEST, server_name="a" * 60_000)


def test_another_version_is_malformed() -> None:
    value = der.decode(request._VoucherRequest, DER, "VoucherRequest", len(DER))
    value.version = 2
    with pytest.raises(Malformed, match="version"):
        VoucherRequest.decode(der.encode(value))


def test_trailing_octets_and_size() -> None:
    for octets in (DER + b"\0", bytes(64 * 1024 + 1)):
        with refuses("malformed", "R3"):
            VoucherRequest.decode(octets)
