"""Derived names: rules I3 to I5."""

import hashlib

import pytest

from mecai.errors import InputError
from mecai.protocol.pki.identity import address_octets, address_text, authority_id, spki_der, spki_hash
from tests.pki import Hierarchy, issue, key


def test_an_authority_is_named_by_the_first_octets_of_its_root_key() -> None:
    root = Hierarchy("alder").root.certificate
    assert authority_id(spki_der(root)) == hashlib.sha256(spki_der(root)).digest()[:8]
    assert spki_hash(root)[:8] == authority_id(spki_der(root))


def test_a_reissued_root_with_the_same_key_keeps_its_authority_id() -> None:
    root = Hierarchy("alder").root
    validity = root.certificate.not_valid_before_utc, root.certificate.not_valid_after_utc
    again = issue("another name", root.key, None, [], span=validity)
    assert spki_hash(again.certificate) == spki_hash(root.certificate)
    assert key("alder root") == root.key


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("192.0.2.1", "c0000201"),
        ("::ffff:192.0.2.1", "c0000201"),
        ("2001:db8::1", "20010db8000000000000000000000001"),
        ("64:ff9b::c000:201", "0064ff9b0000000000000000c0000201"),
        ("::", "00" * 16),
    ],
)
def test_addresses_have_one_form(text: str, octets: str) -> None:
    assert address_octets(text).hex() == octets


def test_address_text_is_the_way_back() -> None:
    for text in ("192.0.2.1", "2001:db8::1"):
        assert address_text(address_octets(text)) == text


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.1/32", "fe80::1%eth0", "www.example.test", "1.2.3.4\n"])
def test_what_is_no_address_is_bad_input(text: str) -> None:
    with pytest.raises(InputError):
        address_octets(text)


def test_octets_of_another_length_are_no_address() -> None:
    with pytest.raises(InputError, match="4 or 16"):
        address_text(b"12345")
