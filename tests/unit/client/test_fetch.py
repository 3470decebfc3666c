"""Where a person's words lead."""

import pytest

from mecai.client.request import Destination
from mecai.errors import InputError


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("https://www.example.test", "www.example.test", 443, "/"),
        ("https://WWW.Example.test:8443/a%20b?c=d#e", "www.example.test", 8443, "/a%20b?c=d"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://[2001:db8::1]:8443/x", "2001:db8::1", 8443, "/x"),
        ("https://192.0.2.1/", "192.0.2.1", 443, "/"),
    ],
)
def test_urls(text: str, host: str, port: int, path: str) -> None:
    assert Destination.of_url(text) == Destination(host, port, path)


@pytest.mark.parametrize(
    "text",
    [
        "http://www.example.test/",
        "www.example.test",
        "https://",
        "https://anna@www.example.test/",
        "https://www.example.test:99999/",
        "https://www.example.test/a b",
        "https://www.example.test/a\r\nHost: other",
        "https://-example.test/",
        "https://[2001:db8::1",
        "https://www..example.test/",
        "https://www.example.test:0/",
        "https://[fe80::1%25lo]/",
    ],
)
def test_what_is_no_https_url(text: str) -> None:
    with pytest.raises(InputError):
        Destination.of_url(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("www.example.test", "www.example.test", 443),
        ("www.example.test:8443", "www.example.test", 8443),
        ("2001:db8::1", "2001:db8::1", 443),
        ("[2001:db8::1]:8443", "2001:db8::1", 8443),
    ],
)
def test_hosts(text: str, host: str, port: int) -> None:
    assert Destination.of_host(text) == Destination(host, port)


@pytest.mark.parametrize(("protocol", "port"), [("imap", 143), ("pop3", 110), ("smtp", 25)])
def test_hosts_with_starttls(protocol: str, port: int) -> None:
    usual, other = (Destination.of_host(text, protocol) for text in ("mail.example.test", "mail.example.test:587"))
    assert (usual.port, usual.url) == (port, f"{protocol}://mail.example.test/")
    assert (other.port, other.url) == (587, f"{protocol}://mail.example.test:587/")


@pytest.mark.parametrize("text", ["www.example.test/", "www.example.test/x", "", "https://www.example.test"])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(InputError):
        Destination.of_host(text)


def test_a_url_in_the_place_of_a_host_is_said_as_it_was_typed() -> None:
    with pytest.raises(InputError, match=r"^'https://www.example.test:8443/' is no host; expected HOST\[:PORT\]"):
        Destination.of_host("https://www.example.test:8443/")


def test_a_destination_is_shown_as_a_url() -> None:
    assert Destination("2001:db8::1", 8443, "/x").url == "https://[2001:db8::1]:8443/x"
    assert Destination("www.example.test", 443).url == "https://www.example.test/"
