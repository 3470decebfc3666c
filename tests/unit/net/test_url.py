"""URLs: what is sent is what was written."""

import pytest

from mecai.errors import InputError
from mecai.net.url import Target, read_url


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("http://a.test", "a.test", 80, "/"),
        ("http://a.test?ca=1", "a.test", 80, "/?ca=1"),
        ("http://a.test//x", "a.test", 80, "//x"),
        ("http://a.test///MEUw//+/AAA=", "a.test", 80, "///MEUw//+/AAA="),
        ("http://a.test/%20?a=b?c#d", "a.test", 80, "/%20?a=b?c"),
        ("http://A.test.:8080/", "a.test", 8080, "/"),
        ("HTTP://[2001:DB8:0::1]:443/x", "2001:db8::1", 443, "/x"),
        ("http://[::ffff:192.0.2.1]/", "192.0.2.1", 80, "/"),
        ("http://b\u00fccher.test/", "xn--bcher-kva.test", 80, "/"),
    ],
)
def test_a_url_is_read_once(text: str, host: str, port: int, path: str) -> None:
    assert read_url(text, "http") == Target(host, port, path, "http")


@pytest.mark.parametrize(
    "text",
    [
        "https://a.test/",
        "//a.test/",
        "http://a.test:0/",
        "http://a.test:65536/",
        "http://a:b@a.test/",
        "http://@a.test/",
        "http://[fe80::1%25lo]/",
        "http://[fe80::1%lo]/",
        "http://a.test/\u00e9",
        "http://a.test/a b",
        "http://a.test/a\r\nX: y",
        "\thttp://a.test/",
        "http://a..test/",
    ],
)
def test_what_is_no_http_url(text: str) -> None:
    with pytest.raises(InputError):
        read_url(text, "http")


def test_a_target_is_shown_as_a_url() -> None:
    assert Target("2001:db8::1", 8443, "/x").url == "https://[2001:db8::1]:8443/x"
    assert Target("a.test", 80, scheme="http").url == "http://a.test/"


def test_what_lies_below() -> None:
    assert Target("a.test", 443).below("v1/x").path == Target("a.test", 443, "/").below("v1/x").path == "/v1/x"
    assert Target("a.test", 443, "/birch/").below("v1/x").path == "/birch/v1/x"
