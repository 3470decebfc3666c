"""Targets: the SNI of a probe; which addresses and ports, is held by the tests of the interface."""

import pytest

from mecai.protocol.request import VoucherRequest
from mecai.vas.targets import server_name
from tests.pki import Hierarchy

ALDER = Hierarchy("alder")


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (("www.example.test", "example.test"), None, "www.example.test"),
        (("www.example.test", "example.test"), "example.test", "example.test"),
        (("192.0.2.1", "www.example.test"), None, "www.example.test"),
        (("*.example.test",), None, "www.example.test"),
        (("192.0.2.1",), None, None),
    ],
)
def test_the_name_that_brings_the_certificate(names: tuple[str, ...], asked: str | None, expected: str | None) -> None:
    site = ALDER.server(*names)
    request = VoucherRequest(site.der, (), (bytes(4),), 443, asked)
    assert server_name(request, site.certificate) == expected
