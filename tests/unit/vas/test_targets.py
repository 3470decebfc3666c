"""Targets: the SNI of a probe; which addresses and ports, is held by the tests of the interface."""

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from mecai.vas.issuance.targets import server_name
from mecai.vas.refusal import Code, Refusal
from tests.pki import DAY, NOW, Hierarchy, issue, key

ALDER = Hierarchy("alder")


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (("www.example.test", "example.test"), None, "www.example.test"),
        (("www.example.test", "example.test"), "example.test", "example.test"),
        (("www.example.test", "*.Example.Test"), "other.example.test", "other.example.test"),
        (("192.0.2.1", "www.example.test"), None, "www.example.test"),
        (("*.example.test",), None, "www.example.test"),
        (("WWW.Example.Test",), None, "www.example.test"),
        (("a_b.example.test", "www.example.test.", " 192.0.2.1", "*.example.test"), None, "www.example.test"),
        (("192.0.2.1",), None, None),
    ],
)
def test_the_name_that_brings_the_certificate(names: tuple[str, ...], asked: str | None, expected: str | None) -> None:
    site = ALDER.server(*names)
    assert server_name(asked, site.certificate) == expected


@pytest.mark.parametrize("asked", ["other.test", "example.test", "a.b.example.test", "192.0.2.1", "xample.test"])
def test_a_name_that_is_not_the_certificates_is_refused(asked: str) -> None:
    site = ALDER.server("www.example.test", "*.example.test", "192.0.2.1").certificate
    with pytest.raises(Refusal, match=f"serverName: '{asked}' is not a name of the certificate") as caught:
        server_name(asked, site)
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize("name", ["www.example.test\0.evil.test", "www example.test", "w*.example.test", "a" * 64])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    site = ALDER.server(name)
    with pytest.raises(Refusal, match=r"none of its DNS names is a host name: .* is no host name") as caught:
        server_name(None, site.certificate)
    assert caught.value.code is Code.MALFORMED


def test_a_name_beyond_ascii_is_refused() -> None:
    octets = b"\x30\x04\x82\x02\xc3\xa9"
    san = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, octets)
    site = issue("site", key("site"), ALDER.issuing, [(san, False)], span=(NOW - DAY, NOW + DAY))
    with pytest.raises(Refusal, match="is no host name") as caught:
        server_name(None, site.certificate)
    assert caught.value.code is Code.MALFORMED
