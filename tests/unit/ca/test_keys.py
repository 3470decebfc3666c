"""Signing requests are judged: their signature, their key by name, their names."""

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import accept_key, dns_name, load_request, make_request, request_names
from mecai.errors import InputError
from tests.pki import ODD_NAMES, key, name, odd_request


def weak_rsa(bits: int, exponent: int) -> rsa.RSAPublicKey:
    """Make a public key of this size; nobody needs to own it."""
    return rsa.RSAPublicNumbers(exponent, (1 << bits) - 1).public_key()


@pytest.mark.parametrize(
    ("public", "complaint"),
    [
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "secp256k1"),
        (ec.generate_private_key(ec.SECP521R1()).public_key(), "secp521r1"),
        (ed25519.Ed25519PrivateKey.generate().public_key(), "Ed25519"),
        (weak_rsa(1024, 65537), "RSA of 1024 bits"),
        (weak_rsa(2048, 3), "RSA exponent 3"),
        (weak_rsa(2048, (1 << 64) + 1), "exponent of 65 bits; at most"),
    ],
)
def test_a_weak_key_is_refused_by_name(public: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        accept_key(public)


def test_a_request_gives_its_names() -> None:
    request = make_request(key("www"), "www", ["WWW.example.test", "*.example.test"])
    assert request_names(load_request(request.public_bytes(Encoding.PEM))) == ("www.example.test", "*.example.test")


def test_a_request_without_names_gives_none() -> None:
    assert request_names(make_request(key("www"), "www", [])) == ()


def test_a_request_for_another_kind_of_name_is_refused() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("www.example.test"), x509.RFC822Name("a@example.test")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("www")).add_extension(names, critical=False)
    with pytest.raises(InputError, match="a RFC822Name cannot be certified"):
        request_names(builder.sign(key("www"), hashes.SHA256()))


@pytest.mark.parametrize("form", ODD_NAMES)
def test_a_name_form_that_the_library_does_not_know_is_refused(form: str) -> None:
    pem = x509.load_der_x509_csr(odd_request(form)).public_bytes(Encoding.PEM)
    with pytest.raises(InputError, match=r"signing request: cannot be certified .*; expected DNS names only"):
        load_request(pem)


def test_a_fault_deep_inside_a_request_is_found_at_once() -> None:
    """The library itself reads it, and fails when its subject is asked for: no string, a BIT STRING."""
    der = make_request(key("www"), "www", []).public_bytes(Encoding.DER).replace(b"\x0c\x03www", b"\x03\x03\x00ww")
    with pytest.raises(InputError, match="no PEM certificate signing request"):
        load_request(x509.load_der_x509_csr(der).public_bytes(Encoding.PEM))


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    der = bytearray(make_request(key("www"), "www", ["www.example.test"]).public_bytes(Encoding.DER))
    der[der.index(b"www.example")] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    with pytest.raises(InputError, match="its signature does not verify"):
        load_request(forged)


@pytest.mark.parametrize("pem", [b"", b"garbage", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_garbage_is_no_request(pem: bytes) -> None:
    with pytest.raises(InputError, match="no PEM certificate signing request"):
        load_request(pem)


@pytest.mark.parametrize(
    "text", ["", "localhost", "a..test", "-a.test", "a b.test", "*.test", "w*.example.test", "é.test"]
)
def test_what_is_no_dns_name_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        dns_name(text)


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "a_b.example.test", "*.192.0.2.1"])
def test_what_no_client_takes_for_a_host_name_is_refused_with_what_to_use(text: str) -> None:
    with pytest.raises(
        InputError, match=f"{re.escape(repr(text))} cannot be certified; expected a host name of letters"
    ):
        dns_name(text)


def test_a_common_name_has_its_limit() -> None:
    with pytest.raises(InputError, match="expected 1 to 64 characters"):
        make_request(key("www"), "w" * 65, [])
