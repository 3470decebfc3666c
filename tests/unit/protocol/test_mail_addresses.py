"""What is taken for a mail address, and what an envelope or a header could trip over."""

import pytest

from mecai.errors import InputError
from mecai.protocol.pki.mail_addresses import mail_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("admin@example.test", "admin@example.test"),
        ("first.last+tag@EXAMPLE.test", "first.last+tag@example.test"),
        ("x" * 64 + "@example.test", "x" * 64 + "@example.test"),
    ],
)
def test_an_address_is_taken(text: str, address: str) -> None:
    assert mail_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "admin",
        "@example.test",
        "admin@",
        "a..b@example.test",
        ".a@example.test",
        "a b@example.test",
        '"a"@example.test',
        "a@b@example.test",
        "a\r\nBcc: x@example.test",
        "<admin@example.test>",
        "x" * 65 + "@example.test",
        "admin@a_b.test",
        "admin@[192.0.2.1]",
    ],
)
def test_what_is_none_is_said(text: str) -> None:
    with pytest.raises(InputError):
        mail_address(text)
