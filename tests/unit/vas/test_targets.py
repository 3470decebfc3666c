"""Targets: the SNI of a probe; which addresses and ports, is held by the tests of the interface."""

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from mecai.protocol.objects.request import VoucherRequest
from mecai.vas.issuance.targets import server_name
from mecai.vas.problem import Code, Problem
from tests.pki import DAY, NOW, Hierarchy, issue, key

ALDER = Hierarchy("alder")


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (("www.example.test", "example.test"), None, "www.example.test"),
        (("www.example.test", "example.test"), "example.test", "example.test"),
        (("192.0.2.1", "www.example.test"), None, "www.example.test"),
        (("*.example.test",), None, "www.example.test"),
        (("WWW.Example.Test.",), None, "www.example.test"),
        (("192.0.2.1",), None, None),
    ],
)
def test_the_name_that_brings_the_certificate(names: tuple[str, ...], asked: str | None, expected: str | None) -> None:
    site = ALDER.server(*names)
    request = VoucherRequest(site.der, (), (bytes(4),), 443, asked)
    assert server_name(request, site.certificate) == expected


@pytest.mark.parametrize("name", ["www.example.test\0.evil.test", "www example.test", "w*.example.test", "a" * 64])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    site = ALDER.server(name)
    with pytest.raises(Problem, match=r"certificate: its first DNS name: .* is no host name") as caught:
        server_name(VoucherRequest(site.der, (), (bytes(4),), 443), site.certificate)
    assert caught.value.code is Code.MALFORMED


def test_a_name_beyond_ascii_is_refused() -> None:
    octets = b"\x30\x04\x82\x02\xc3\xa9"
    san = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, octets)
    site = issue("site", key("site"), ALDER.issuing, [(san, False)], span=(NOW - DAY, NOW + DAY))
    with pytest.raises(Problem, match="is no host name") as caught:
        server_name(VoucherRequest(site.der, (), (bytes(4),), 443), site.certificate)
    assert caught.value.code is Code.MALFORMED
