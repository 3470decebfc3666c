"""What the cases are made of, held against readers that this project did not write."""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509 import ocsp as library

from tests.conformance import vectors
from tests.conformance.parts.rsa import rsa_key
from tests.conformance.parts.signing import pss
from tests.conformance.parts.status import FRESH, ocsp
from tests.conformance.stage import ALDER, BIRCH, GOOD, HOST, SITE
from tests.pki import NOW

VECTORS = {vector.identifier: vector for vector in vectors.load()}
# What issue 3 names: general CMS readers take these, this profile must not.
TRAPS = [
    "o2-content-type-attribute",
    "o2-no-signed-attributes",
    "o2-signed-attributes-as-content",
    "o2-unsigned-attribute",
    "o4-stripped",
    "v5-no-response",
    "v11-response-removed",
]
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is the witness")


@pytest.mark.parametrize("size", [1024, 2047, 2048, 8192, 8200])
def test_rsa_keys_have_their_size_and_work(size: int) -> None:
    private = rsa_key(size)
    assert private.key_size == size
    signature = private.sign(b"octets", padding.PKCS1v15(), hashes.SHA256())
    private.public_key().verify(signature, b"octets", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(("algorithm", "salt"), [(hashes.SHA256(), 32), (hashes.SHA384(), 48), (hashes.SHA256(), 20)])
def test_pss_with_a_fixed_salt_verifies(algorithm: hashes.HashAlgorithm, salt: int) -> None:
    private = rsa_key(2048)
    signature = pss(algorithm.name, salt).sign(private, b"octets")
    assert signature == pss(algorithm.name, salt).sign(private, b"octets")
    private.public_key().verify(signature, b"octets", padding.PSS(padding.MGF1(algorithm), salt), algorithm)


def test_the_library_reads_the_ocsp_responses() -> None:
    response = library.load_der_ocsp_response(ocsp(SITE))
    assert response.certificate_status is library.OCSPCertStatus.GOOD
    assert (response.this_update_utc, response.next_update_utc) == FRESH
    expected = library.OCSPRequestBuilder().add_certificate(
        SITE.certificate, ALDER.issuing.certificate, response.hash_algorithm
    )
    assert response.issuer_key_hash == expected.build().issuer_key_hash
    revoked = library.load_der_ocsp_response(ocsp(SITE, "revoked"))
    assert revoked.revocation_reason is not None


def test_asn1crypto_reads_the_good_voucher() -> None:
    data = cms.ContentInfo.load(GOOD.der, strict=True)["content"]
    assert (data["version"].native, len(data["crls"]), len(data["certificates"])) == ("v5", 3, 1)
    fields = core.Sequence.load(GOOD.content)
    assert isinstance(fields[7].native, datetime)


def openssl(encoded: bytes, folder: Path) -> int:
    """Return the exit code of `openssl cms -verify` under birch's root at the scene's time."""
    (folder / "root.pem").write_bytes(BIRCH.root.pem)
    command = ["openssl", "cms", "-verify", "-purpose", "any", "-inform", "DER", "-out", str(folder / "content")]
    command += ["-CAfile", str(folder / "root.pem"), "-attime", str(int(NOW.timestamp()))]
    return subprocess.run(command, input=encoded, capture_output=True, check=False).returncode


@needs_openssl
@pytest.mark.parametrize("name", ["everything-in-order", "o6-signature-negated", *TRAPS])
def test_openssl_accepts(name: str, tmp_path: Path) -> None:
    """The good ones, and the traps: what our profile refuses there it refuses itself."""
    voucher = vectors.octets(VECTORS[name].question["vouchers"][0])
    assert openssl(voucher, tmp_path) == 0


def test_the_negated_signature_is_another_encoding_of_the_same_voucher() -> None:
    negated = VECTORS["o6-signature-negated"]
    assert vectors.octets(negated.question["vouchers"][0]) != GOOD.der
    assert negated.expected["vouchers"] == [GOOD.hash] == VECTORS["everything-in-order"].expected["vouchers"]


def test_the_attributes_as_content_keep_the_good_signature() -> None:
    forged = vectors.octets(VECTORS["o2-signed-attributes-as-content"].question["vouchers"][0])
    signatures = [
        cms.ContentInfo.load(encoded)["content"]["signer_infos"][0]["signature"].native
        for encoded in (forged, GOOD.der)
    ]
    assert signatures[0] == signatures[1]


def test_the_size_limit_is_met_to_the_octet() -> None:
    sizes = [len(vectors.octets(VECTORS[f"o5-octets-{size}"].question["vouchers"][0])) for size in (16384, 16385)]
    assert sizes == [16384, 16385]
    assert HOST in VECTORS["everything-in-order"].question["serverName"]
