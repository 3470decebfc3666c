"""Host names: one normal form, A-labels only."""

import pytest

from mecai.protocol.errors import InputError
from mecai.protocol.names import host_name


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("www.example.test", "www.example.test"),
        ("WWW.Example.Test.", "www.example.test"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("localhost", "localhost"),
        ("_dmarc.example.test", "_dmarc.example.test"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_names_have_one_form(text: str, normal: str) -> None:
    assert host_name(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", ".a", "a b", "*.example", "-a.example", "a-.example", "münchen.example", "a\n", "a/b"),
        *("a" * 64, ".".join(["a" * 63] * 4)),
    ],
)
def test_what_is_no_host_name_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match="host name"):
        host_name(text)
