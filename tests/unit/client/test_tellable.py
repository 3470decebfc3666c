"""Of which servers a Voucher Authority may hear."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509

from mecai.client.tellable import Tellable
from mecai.errors import InputError
from mecai.net.addresses import AddressPolicy
from mecai.protocol.pki.identity import address_octets
from tests.pki import NOW, SERVER_AUTH, Hierarchy, issue, key, leaf_extensions

ALDER = Hierarchy("alder")
SITE = ALDER.server("www.example.test").chain
MAY = Tellable(("corp.example.test",), AddressPolicy((ip_network("10.0.0.0/8"),)))


@pytest.mark.parametrize("address", ["1.1.1.1", "::ffff:1.1.1.1", "10.0.0.1", "2606:4700::1111"])
def test_what_is_public_may_be_told(address: str) -> None:
    assert MAY.check("www.example.test", address, SITE) == address_octets(address)


def test_a_translated_address_is_told_as_what_it_stands_for() -> None:
    assert MAY.check("www.example.test", "64:ff9b::1.1.1.1", SITE) == bytes([1, 1, 1, 1])
    with pytest.raises(InputError, match=r"192\.168\.1\.1 is in 192\.168\.0\.0/16"):
        MAY.check("www.example.test", "64:ff9b::192.168.1.1", SITE)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("wiki.corp.example.test", "wiki.corp.example.test lies in corp.example.test, which is private"),
        ("CORP.example.TEST.", "lies in corp.example.test"),
        ("printer.local", "lies in local"),
        ("nas.home.arpa", "lies in home.arpa"),
        ("git.internal", "lies in internal"),
        ("wiki", "wiki is no name of the public DNS"),
        ("192.168.7.1", "192.168.7.1 is in 192.168.0.0/16 .private."),
        ("fd00::1", "fd00::1 is in fc00::/7 .unique local."),
        ("64:ff9b::c0a8:701", "192.168.7.1 is in 192.168.0.0/16 .private."),
    ],
)
def test_a_private_name_is_not_told_wherever_it_stands(name: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        MAY.check(name, "1.1.1.1", SITE)
    with pytest.raises(InputError, match=fault.replace("CORP.example.TEST.", "corp.example.test")):
        MAY.check("www.example.test", "1.1.1.1", ALDER.server("www.example.test", name.rstrip(".").lower()).chain)


def test_a_wildcard_is_below_its_domain() -> None:
    with pytest.raises(InputError, match=r"\*\.corp\.example\.test lies in corp\.example\.test"):
        MAY.check(None, "1.1.1.1", ALDER.server("*.corp.example.test").chain)


def test_a_single_label_is_private_with_a_final_dot_as_without() -> None:
    with pytest.raises(InputError, match=r"wiki\. is no name of the public DNS"):
        MAY.check("wiki.", "1.1.1.1", SITE)


def test_what_a_certificate_calls_its_subject_is_a_name_of_it() -> None:
    """The issuer of appliances names them so, and nowhere else."""

    def called(subject: str) -> list[x509.Certificate]:
        extensions = leaf_extensions(SERVER_AUTH, ["a.test"])
        span = NOW, NOW + timedelta(days=90)
        return [issue(subject, key("printer"), ALDER.issuing, extensions, span=span).certificate]

    assert MAY.check("a.test", "1.1.1.1", called("Example Corporation"))
    with pytest.raises(InputError, match=r"printer\.corp\.example\.test lies in corp\.example\.test"):
        MAY.check("a.test", "1.1.1.1", called("printer.corp.example.test"))


@pytest.mark.parametrize("name", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "10.2.3.4", "localhost"])
def test_what_says_nothing_private_may_be_told(name: str) -> None:
    assert MAY.check(name, "1.1.1.1", ALDER.server("www.example.test", name).chain)


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        (None, "the server's address is not known"),
        ("192.168.1.1", "192.168.1.1 is in 192.168.0.0/16 .private."),
        ("fe80::1%eth0", "fe80::1 is in fe80::/10 .link-local."),
    ],
)
def test_a_private_address_is_not_told(address: str | None, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        MAY.check("www.example.test", address, SITE)


def test_who_showed_nothing_is_not_told_of() -> None:
    with pytest.raises(InputError, match="no certificate"):
        MAY.check("www.example.test", "1.1.1.1", ())
