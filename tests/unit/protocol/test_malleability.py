"""What anybody can make of a certificate without its issuer is known by its hash."""

from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.errors import MecaiError
from mecai.protocol.pki.certificates import load
from mecai.protocol.pki.identity import certificate_hash
from mecai.protocol.pki.malleability import equivalent_hashes
from mecai.protocol.pki.path import validate_chain
from tests.pki import DAY, NOW, SERVER_AUTH, Hierarchy, Issued, Key, ca_extensions, issue, key, leaf_extensions, rsa_key
from tests.twins import twin

ROOT = Hierarchy("alder").root


def server(signing: Key) -> Issued:
    """Issue a certificate whose signature ends in zero bits, by a CA with this key."""
    ca = issue("issuing", signing, ROOT, ca_extensions(signing, 0), span=(NOW - DAY, NOW + 300 * DAY))
    span = (NOW - DAY, NOW + 60 * DAY)
    for number in range(1000):
        made = issue("site", key("site"), ca, leaf_extensions(SERVER_AUTH, [f"w{number}.example.test"]), span=span)
        if made.certificate.signature[-1] % 4 == 0:
            return made
    raise AssertionError


def changed(of: Issued) -> Iterator[bytes]:
    """Change each bit behind what is signed, in a certificate and in its twin."""
    twins = [of, twin(of)] if isinstance(of.issuer and of.issuer.key, ec.EllipticCurvePrivateKey) else [of]
    for each in twins:
        yield each.der
        begin = each.der.index(of.certificate.tbs_certificate_bytes) + len(of.certificate.tbs_certificate_bytes)
        for place in range(begin, len(each.der)):
            for bit in range(8):
                yield each.der[:place] + bytes([each.der[place] ^ 1 << bit]) + each.der[place + 1 :]


def holds(encoded: bytes, of: Issued) -> bool:
    assert of.issuer is not None
    try:
        validate_chain(load(encoded), [of.issuer.certificate], [ROOT.certificate], None, NOW)
    except MecaiError:
        return False
    return True


@pytest.mark.parametrize("signing", [key("ca"), key("ca", ec.SECP384R1), rsa_key("ca")], ids=["P-256", "P-384", "RSA"])
def test_whatever_changed_octets_still_hold_are_known(signing: Key) -> None:
    site = server(signing)
    held = {certificate_hash(encoded): encoded for encoded in changed(site) if holds(encoded, site)}
    assert len(held) >= 3  # as it is, with one bit unused, with two
    for encoded in held.values():
        assert held.keys() <= equivalent_hashes(x509.load_der_x509_certificate(encoded))
