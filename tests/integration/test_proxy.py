"""`mecai client proxy` with curl: a good site, a refused one, one of a private network, and what is kept of them."""

import json
import ssl
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.private_network import NAME
from tests.integration.proxied import proxy
from tests.integration.town import Town, town
from tests.patience import SECONDS
from tests.scene import HOST


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as built:
        yield built


def test_a_vouched_site_comes_through(place: Town) -> None:
    done = place.proxy.curl(place.vouched)
    assert (done.returncode, "The real one." in done.stdout) == (0, True), done.stderr


def test_a_site_of_a_private_network_comes_through_while_its_status_is_known(place: Town) -> None:
    done = place.proxy.curl(place.private)
    assert (done.returncode, "Of this company alone." in done.stdout) == (0, True), done.stderr


def test_a_refused_site_has_the_page_that_explains(place: Town) -> None:
    done = place.proxy.curl(place.bare, "--include")
    assert done.returncode == 0, done.stderr
    head, _, page = done.stdout.partition("<!doctype html>")
    assert "200 Connection established" in head
    assert "HTTP/1.1 502 Bad Gateway" in head
    for words in (
        "no-voucher",
        "(rule C1)",
        "the server sent no voucher",
        HOST,
        "127.0.0.1",
        "Who was asked to vouch",
        "Save\nthe report",
    ):
        assert words in page
    assert "Perhaps the real one" not in page


def test_a_site_that_ordinary_validation_refuses_has_its_page_too(place: Town) -> None:
    """The private network's site under a name that is not of it."""
    done = place.proxy.curl(place.private.replace(NAME, HOST))
    assert "certificate-invalid" in done.stdout
    assert "Of this company alone." not in done.stdout


def test_a_browser_that_does_not_trust_the_authority_is_said(place: Town) -> None:
    done = place.proxy.curl(place.vouched, "--cacert", "/etc/ssl/certs/ca-certificates.crt")
    assert done.returncode == 60, done.stderr
    assert place.proxy.says("a browser does not trust this proxy's authority")


def test_a_site_that_does_not_answer_has_its_page_too(place: Town) -> None:
    done = place.proxy.curl(f"https://{HOST}/")
    assert "unreachable" in done.stdout
    assert "443" in done.stdout


def test_a_page_in_the_clear_is_led_to_tls(place: Town) -> None:
    done = place.proxy.curl(f"http://{HOST}/a", "--include")
    assert f"Location: https://{HOST}/a" in done.stdout


def test_the_verdicts_are_there_for_programs(place: Town) -> None:
    for address in (place.vouched, place.private, place.bare):
        place.proxy.curl(address)
    found = json.loads(place.proxy.curl(f"{place.proxy.url}/verdicts", "--noproxy", "*").stdout)
    assert found["mode"] == "enforce"
    bare, private, vouched = found["verdicts"][:3]
    assert [each["verdict"] for each in (bare, private, vouched)] == ["refused", "accepted", "accepted"]
    assert (bare["host"], f":{bare['port']}/" in place.bare, bare["reason"]) == (HOST, True, "no-voucher")
    assert (private["policy"], len(private["proofs"])) == ("intranet", 2)
    assert {voucher["name"] for voucher in vouched["vouchers"]} <= {"birch", "cedar", "dogwood"}
    assert vouched["tls"]["version"] == "TLSv1.3"


def test_after_an_upgrade_octets_pass_both_ways(place: Town) -> None:
    """A WebSocket is that: what comes after the answer is no HTTP any more."""
    context = ssl.create_default_context(cafile=str(place.proxy.authority))
    connection = HTTPSConnection("127.0.0.1", place.proxy.port, timeout=SECONDS, context=context)
    connection.set_tunnel(HOST, urlsplit(place.vouched).port)
    connection.connect()
    with connection.sock as secure, secure.makefile("rwb", buffering=0) as lines:
        lines.write(b"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        assert lines.readline().startswith(b"HTTP/1.1 101 ")
        while lines.readline() != b"\r\n":
            pass
        for line in (b"one\n", b"two\n"):
            lines.write(line)
            assert lines.readline() == line


def test_under_warn_a_site_comes_through_and_is_said(place: Town, tmp_path: Path) -> None:
    """A second proxy of this person, with the same authority."""
    config = place.proxy.authority.parents[2] / "client.toml"
    with proxy(tmp_path, config, (urlsplit(place.bare).port or 0,), "--mode", "warn") as warning:
        done = warning.curl(place.bare)
        found = json.loads(warning.curl(f"{warning.url}/verdicts", "--noproxy", "*").stdout)
    assert "Perhaps the real one" in done.stdout
    assert [(each["verdict"], each["reason"]) for each in found["verdicts"]] == [("warned", "no-voucher")]
    assert warning.authority == place.proxy.authority
    assert "warned  no-voucher" in warning.log.read_text()
