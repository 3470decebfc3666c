"""What a person asks for, and where an answer leads on to."""

from typing import Any

import pytest

from mecai.client.request import Destination, Request, read_header
from mecai.errors import InputError

HERE = Destination("www.example.test", 443, "/a/b?c")
POST = Request("POST", {"Authorization": "Basic eDp5", "Cookie": "a=b", "X-Own": "1"}, b"body")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Accept: text/html", ("Accept", "text/html")), ("X-Empty:", ("X-Empty", "")), ("a:\tb c ", ("a", "b c"))],
)
def test_headers(text: str, expected: tuple[str, str]) -> None:
    assert read_header(text) == expected


@pytest.mark.parametrize(
    "text", ["no colon", ": value", "a b: c", "a: b\r\nc: d", "a: \x00", "a: \u00e9", "Host: x", "content-length: 3"]
)
def test_what_is_no_header(text: str) -> None:
    with pytest.raises(InputError, match="header"):
        read_header(text)


def test_what_is_no_method() -> None:
    with pytest.raises(InputError, match="method"):
        Request("GET /other HTTP/1.1\r\nHost: x\r\n\r\nGET")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/d", "https://www.example.test/d"),
        ("d", "https://www.example.test/a/d"),
        ("//other.example.test", "https://other.example.test/"),
        ("https://other.example.test:8443/x#part", "https://other.example.test:8443/x"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_where_a_redirect_leads(status: int, location: str, url: str) -> None:
    led_on = Request().led_on(HERE, status, location)
    assert led_on is not None
    assert led_on[1].url == url


@pytest.mark.parametrize(("status", "location"), [(200, "/d"), (304, "/d"), (300, "/d"), (302, None)])
def test_what_is_no_redirect(status: int, location: str | None) -> None:
    assert Request().led_on(HERE, status, location) is None


@pytest.mark.parametrize("location", ["http://www.example.test/", "ftp://x/", "javascript:0", "https://u:p@x/"])
def test_a_redirect_to_where_no_voucher_is_demanded(location: str) -> None:
    with pytest.raises(InputError):
        Request().led_on(HERE, 302, location)


@pytest.mark.parametrize(
    ("status", "expected"), [(301, ("GET", None)), (302, ("GET", None)), (303, ("GET", None)), (307, ("POST", b"body"))]
)
def test_what_is_asked_there(status: int, expected: Any) -> None:
    led_on = POST.led_on(HERE, status, "/d")
    assert led_on is not None
    assert (led_on[0].method, led_on[0].body) == expected
    assert led_on[0].headers == POST.headers


@pytest.mark.parametrize("location", ["https://other.example.test/", "https://www.example.test:8443/"])
def test_what_is_for_one_server_goes_to_no_other(location: str) -> None:
    led_on = POST.led_on(HERE, 307, location)
    assert led_on is not None
    assert led_on[0].headers == {"X-Own": "1"}


@pytest.mark.parametrize("location", ["https://[", "https://[::1", "//[x]/", "https://h\u2100/"])
def test_a_redirect_to_what_is_no_url(location: str) -> None:
    with pytest.raises(InputError):
        Request().led_on(HERE, 302, location)


@pytest.mark.parametrize(("status", "method"), [(301, "PUT"), (302, "DELETE"), (307, "PUT"), (303, "GET")])
def test_what_is_no_post_stays_what_it_is_but_for_303(status: int, method: str) -> None:
    asked = Request("PUT" if method == "GET" else method, {"Content-Type": "a/b", "X-Own": "1"}, b"body")
    led_on = asked.led_on(HERE, status, "/d")
    assert led_on is not None
    assert led_on[0] == (Request("GET", {"X-Own": "1"}) if status == 303 else asked)


def test_head_stays_head() -> None:
    led_on = Request("HEAD").led_on(HERE, 303, "/d")
    assert led_on is not None
    assert led_on[0].method == "HEAD"
