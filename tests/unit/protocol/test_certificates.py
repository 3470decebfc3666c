"""Certificates from strangers: whatever the octets, a certificate that is safe to use or `Malformed`."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.pki import certificates
from mecai.protocol.pki.identity import spki_der, spki_hash
from mecai.protocol.pki.keys import check_public_key, public_key_of
from tests.pki import DAY, NOW, ODD_NAMES, Hierarchy, issue, key, name, odd_server
from tests.unit.protocol.strategies import changed, parsed

DER = Hierarchy("alder").server("www.example.test").der


def test_a_sound_certificate_passes() -> None:
    assert certificates.load(DER).subject.rfc4514_string() == "CN=www.example.test"


def test_the_same_octets_are_parsed_once() -> None:
    assert certificates.load(DER) is certificates.load(bytes(bytearray(DER)))


def test_a_certificate_has_a_size() -> None:
    with pytest.raises(Malformed, match="EE: 65536 octets"):
        certificates.load(bytes(65_536), "EE")


@pytest.mark.filterwarnings("ignore")  # the library warns of oddities that it lets pass
@given(changed(DER) | st.binary(max_size=200))
def test_whatever_passes_can_be_used(octets: bytes) -> None:
    certificate = parsed(certificates.load, octets)
    if certificate is not None:
        assert public_key_of(certificate) is not None
        assert len(spki_hash(certificate)) == 32
        assert certificate.subject is not None
        assert certificate.extensions is not None


@pytest.mark.parametrize("text", [b"\x0d\x10alder issuing CA", b"\x03\x10\x00lder issuing CA"])
def test_a_fault_deep_inside_is_found_at_once(text: bytes) -> None:
    """The library itself reads this certificate, and fails when its issuer is asked for: no string, a BIT STRING."""
    broken = DER.replace(b"\x0c\x10alder issuing CA", text)
    x509.load_der_x509_certificate(broken)
    with pytest.raises(Malformed, match="no sound DER certificate"):
        certificates.load(broken)


def test_a_key_of_an_unknown_curve_can_be_named_and_verifies_nothing() -> None:
    span = (NOW - DAY, NOW + DAY)
    odd = issue("odd", key("odd"), None, [], span=span).der.replace(
        bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030109")
    )
    certificate = certificates.load(odd)
    assert spki_der(certificate) in odd
    with pytest.raises(Malformed, match=r"Curve 1\.2\.840\.10045\.3\.1\.9 is not supported"):
        check_public_key(public_key_of(certificate))


@pytest.mark.parametrize("form", ODD_NAMES)
def test_a_name_form_that_the_library_does_not_know_is_malformed(form: str) -> None:
    odd = odd_server(form, Hierarchy("alder").issuing).der
    x509.load_der_x509_certificate(odd)
    with pytest.raises(Malformed, match="no sound DER certificate"):
        certificates.load(odd)


def rsa_certificate(modulus_bits: int, exponent_bits: int) -> bytes:
    """Return a certificate of an RSA key of these sizes; that it is nobody's key does not show."""
    numbers = rsa.RSAPublicNumbers((1 << exponent_bits - 1) + 1, (1 << modulus_bits - 1) + 1)
    builder = x509.CertificateBuilder().subject_name(name("odd")).issuer_name(name("odd"))
    builder = builder.public_key(numbers.public_key()).serial_number(1).not_valid_before(NOW).not_valid_after(NOW + DAY)
    return builder.sign(key("odd"), hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(("modulus", "exponent"), [(3072, 65), (3072, 3070), (16_392, 17)])
def test_an_rsa_key_that_makes_verification_dear_is_malformed(modulus: int, exponent: int) -> None:
    with pytest.raises(Malformed, match=f"RSA key of {modulus} bits with an exponent of {exponent} bits"):
        certificates.load(rsa_certificate(modulus, exponent))


@pytest.mark.parametrize(("modulus", "exponent"), [(3072, 64), (16_384, 17)])
def test_the_dearest_rsa_keys_that_are_read(modulus: int, exponent: int) -> None:
    certificates.load(rsa_certificate(modulus, exponent))
