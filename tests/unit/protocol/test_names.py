"""Host names: one normal form, A-labels only."""

import pytest

from mecai.errors import InputError
from mecai.protocol.pki.names import check_https_url, dns_names, host_name, host_name_of, stands_for
from tests.pki import Hierarchy

ALDER = Hierarchy("alder")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("www.example.test", "www.example.test"),
        ("WWW.Example.Test", "www.example.test"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("localhost", "localhost"),
        ("3com.example", "3com.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("0x7f.1.0xg", "0x7f.1.0xg"),
        ("a.0x7f-1", "a.0x7f-1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_names_have_one_form(text: str, normal: str) -> None:
    assert host_name(text) == normal


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("WWW.Example.Test.", "www.example.test"),
        ("m\u00fcnchen.example", "xn--mnchen-3ya.example"),
        ("M\u00dcNCHEN.example.", "xn--mnchen-3ya.example"),
        ("fa\u00df.example.test", "xn--fa-hia.example.test"),
        ("\u03b2\u03cc\u03bb\u03bf\u03c2.com", "xn--nxasmm1c.com"),
        ("ex\uff41mple\u3002test", "example.test"),
    ],
)
def test_what_a_person_types_is_read_by_idna_2008(typed: str, normal: str) -> None:
    """UTS 46, non-transitional: sharp s and final sigma are letters of their own, widths and dots are mapped."""
    assert host_name_of(typed) == normal


@pytest.mark.parametrize(
    "typed",
    ["", ".", "a..", "a_b.example", "\u2665.example", "192.0.2.1.", "\uff11.2.3.4", "0x7f.1.", "\uff10x7f000001"],
)
def test_what_no_person_can_mean(typed: str) -> None:
    with pytest.raises(InputError, match="host name"):
        host_name_of(typed)


@pytest.mark.parametrize(
    ("pattern", "name", "stands"),
    [
        ("www.example.test", "www.example.test", True),
        ("WWW.Example.Test", "www.example.test", True),
        ("www.example.test", "example.test", False),
        ("*.example.test", "www.example.test", True),
        ("*.EXAMPLE.test", "www.example.test", True),
        ("*.example.test", "example.test", False),
        ("*.example.test", "a.b.example.test", False),
        ("*.example.test", "www.other-example.test", False),
        ("w*.example.test", "www.example.test", False),
        ("www.*.test", "www.example.test", False),
        ("*", "localhost", False),
        ("*.", "localhost", False),
        ("", "localhost", False),
    ],
)
def test_a_wildcard_stands_for_one_whole_label(pattern: str, name: str, *, stands: bool) -> None:
    assert stands_for(pattern, name) is stands


def test_a_certificate_is_for_the_dns_names_that_it_lists() -> None:
    site = ALDER.server("192.0.2.1", "*.Example.test", "www.example.test").certificate
    assert dns_names(site) == ("*.Example.test", "www.example.test")
    assert dns_names(ALDER.root.certificate) == ()


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", ".a", "a b", "*.example", "-a.example", "a-.example", "münchen.example", "a\n", "a/b"),
        *("a" * 64, ".".join(["a" * 63] * 4), "www.example.test.", "_dmarc.example.test", "a_b.example"),
        *("192.0.2.1", "1.2.3", "example.1", "2001:db8::1", "[2001:db8::1]"),
        *("0x7f000001", "0X7F000001", "0x7f.0x0.0x0.0x1", "example.0x", "example.0xff"),
    ],
)
def test_what_is_no_host_name_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match="host name"):
        host_name(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://a",
        "https://vas.test/",
        "https://192.0.2.1:1/x/y?z",
        "https://[2001:db8::1]:65535",
        "https://vas.test:443/",
    ],
)
def test_https_urls(url: str) -> None:
    check_https_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "https://",
            "https:///x",
            "http://vas.test",
            "https://vas.test:",
            "https://vas.test:0",
            "https://vas.test:x",
        ),
        *("https://vas.test:65536", "https://[2001:db8::1", "https://[::x]/", "https://a b/", "https://u@vas.test/"),
        *("https://vas.test./", "https://vas_1.test/", "https://1.2.3/", "https://192.0.2.1./", "https://0x7f000001/"),
        *("https://vas.test/\u00e4", "https://vas.test?x", "https://vas.test/ "),
    ],
)
def test_what_is_no_https_url_is_bad_input(url: str) -> None:
    with pytest.raises(InputError, match="https URL"):
        check_https_url(url)
