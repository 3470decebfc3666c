"""Where a browser may be led, and where not."""

from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecai.client.proxy.authority import LocalAuthority, open_authority
from mecai.client.proxy.destination import read_destination
from mecai.client.proxy.head import Declined
from mecai.protocol.pki.names import host_name


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> LocalAuthority:
    return open_authority(tmp_path_factory.mktemp("ca"), ("example.test",), datetime.now(UTC))


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("www.example.test:443", "www.example.test", 443),
        ("WWW.Example.test.:443", "www.example.test", 443),
        ("xn--fa-hia.example.test:8443", "xn--fa-hia.example.test", 8443),
    ],
)
def test_a_host_name_and_an_allowed_port(authority: LocalAuthority, target: str, host: str, port: int) -> None:
    found = read_destination(target, {443, 8443}, authority)
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        ("www.example.test", HTTPStatus.BAD_REQUEST, "HOST:PORT"),
        (":443", HTTPStatus.BAD_REQUEST, "HOST:PORT"),
        ("www.example.test:", HTTPStatus.BAD_REQUEST, "HOST:PORT"),
        ("www.example.test:443/x", HTTPStatus.BAD_REQUEST, "HOST:PORT"),
        ("user@www.example.test:443", HTTPStatus.BAD_REQUEST, "HOST:PORT"),
        ("www.example.test:4430000", HTTPStatus.BAD_REQUEST, "HOST:PORT"),
        ("a" * 256 + ":443", HTTPStatus.BAD_REQUEST, "HOST:PORT"),
        ("www\x07.example.test:443", HTTPStatus.BAD_REQUEST, "no host name"),
        ("www_x.example.test:443", HTTPStatus.BAD_REQUEST, "no host name"),
        ("-.example.test:443", HTTPStatus.BAD_REQUEST, "no host name"),
        ("127.0.0.1:443", HTTPStatus.FORBIDDEN, "is an address"),
        ("[::1]:443", HTTPStatus.FORBIDDEN, "is an address"),
        ("2130706433:443", HTTPStatus.BAD_REQUEST, "reads as an IP address"),
        ("0x7f.1:443", HTTPStatus.BAD_REQUEST, "reads as an IP address"),
        ("0x7f000001:443", HTTPStatus.BAD_REQUEST, "reads as an IP address"),
        ("0X7f.0x0.0x0.0x1.:443", HTTPStatus.BAD_REQUEST, "reads as an IP address"),
        ("www.example.test:25", HTTPStatus.FORBIDDEN, "port 25 is not allowed; allowed is 443, 8443"),
        ("www.example.test:0", HTTPStatus.FORBIDDEN, "port 0 is not allowed"),
        ("www.other.test:443", HTTPStatus.FORBIDDEN, "in none of the domains"),
    ],
)
def test_what_is_declined(authority: LocalAuthority, target: str, status: HTTPStatus, words: str) -> None:
    with pytest.raises(Declined, match=words) as caught:
        read_destination(target, {443, 8443}, authority)
    assert caught.value.status is status
    assert caught.value.text.isprintable()


@given(st.text(st.characters(max_codepoint=0x7F), max_size=40))
def test_whatever_is_asked_for_is_a_host_name_or_declined(authority: LocalAuthority, host: str) -> None:
    with suppress(Declined):
        found = read_destination(f"{host}:443", {443}, authority)
        assert found.host.endswith("example.test")
        assert host_name(found.host) == found.host


@given(st.text("aZ0-._%", max_size=12))
def test_a_name_below_the_domain_is_led_to_as_it_is(authority: LocalAuthority, labels: str) -> None:
    with suppress(Declined):
        found = read_destination(f"{labels}.example.test.:443", {443}, authority)
        assert found.host == f"{labels}.example.test".lower()
