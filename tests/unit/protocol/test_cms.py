"""The CMS profile: rules O1 to O6 and K5.

`openssl cms -verify` is the witness: it reads what this project signs, and it accepts traps that this project refuses.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as witness
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed, VerificationError
from mecai.protocol import oids
from mecai.protocol.codec import cms, der
from mecai.protocol.codec import signed_attributes as profile
from mecai.protocol.codec.cms import parse_signed_content, sign_content
from mecai.protocol.codec.signed_attributes import attribute_octets, names_of, signed_attributes
from mecai.protocol.codec.signed_data import ContentInfo, IssuerAndSerialNumber
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki import algorithms
from mecai.protocol.pki.algorithms import SignatureAlgorithm
from tests.pki import NOW, Issued, issue, key, rsa_key
from tests.scene import Scene, refuses
from tests.unit.protocol.strategies import changed, parsed

SCENE = Scene()
BIRCH = SCENE.birch
EVIDENCE = SCENE.evidence()
VOUCHER = SCENE.voucher(BIRCH, evidence=EVIDENCE)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is the witness")


def tampered(change: Callable[[Any], object], encoded: bytes = VOUCHER) -> bytes:
    """Return a voucher whose parsed SignedData was changed in place."""
    info = der.decode(ContentInfo, encoded, "ContentInfo", len(encoded))
    change(info.content)
    return der.encode(info)


def signer_of(data: Any) -> Any:
    return data.signer_infos.as_list()[0]


def with_signer(**changes: Any) -> Callable[[Any], None]:
    """Return a change of the single SignerInfo's fields."""

    def change(data: Any) -> None:
        signer = signer_of(data)
        for name, value in changes.items():
            setattr(signer, name, value)
        data.signer_infos = asn1.SetOf([signer])

    return change


def with_data(**changes: Any) -> Callable[[Any], None]:
    """Return a change of SignedData's fields."""

    def change(data: Any) -> None:
        for name, value in changes.items():
            setattr(data, name, value)

    return change


def resigned(values: dict[str, bytes]) -> Callable[[Any], None]:
    """Return a change to other signed attributes, with a signature that fits them."""
    attributes = signed_attributes(values)
    signature = algorithms.ECDSA_SHA256.sign(BIRCH.voucher.key, attribute_octets(attributes))
    return with_signer(signed_attributes=attributes, signature=signature)


def attribute_values(content: bytes | None = None) -> dict[str, bytes]:
    content = parse_voucher(VOUCHER).signed.content if content is None else content
    return profile.attribute_values(oids.ID_CT_VOUCHER_INFO, content, algorithms.SHA256, BIRCH.voucher.certificate)


def openssl_accepts(encoded: bytes, folder: Path) -> bool:
    """Ask `openssl cms -verify`, with the root as the only trust and the scene's clock."""
    (folder / "root.pem").write_bytes(BIRCH.root.pem)
    command = ["openssl", "cms", "-verify", "-purpose", "any", "-inform", "DER", "-out", str(folder / "content")]
    command += ["-CAfile", str(folder / "root.pem"), "-attime", str(int(NOW.timestamp()))]
    return subprocess.run(command, input=encoded, capture_output=True, check=False).returncode == 0


def test_a_voucher_says_what_was_signed() -> None:
    voucher = parse_voucher(VOUCHER)
    assert voucher.info == SCENE.info(BIRCH, evidence=EVIDENCE)
    assert voucher.authority_certificate == BIRCH.voucher.certificate
    assert len(voucher.ocsp_responses) == 3
    voucher.signed.verify_signature()


def test_signing_is_deterministic() -> None:
    evidence, status = SCENE.evidence(), BIRCH.ocsp(BIRCH.voucher)
    first, second = (SCENE.voucher(BIRCH, evidence=evidence, authority_status=status) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("delegate", "most"), [(False, 2200), (True, 3500)])
def test_size_of_a_p256_voucher(*, delegate: bool, most: int, record_property: Callable[[str, object], None]) -> None:
    """Three OCSP responses: end entity, issuing CA, authority; signed by the issuer or by a delegate of it."""
    scene = Scene(delegate=delegate)
    size = len(scene.voucher(scene.birch))
    record_property("octets", size)
    assert size <= most, f"{size} octets"


@needs_openssl
def test_openssl_reads_it(tmp_path: Path) -> None:
    assert openssl_accepts(VOUCHER, tmp_path)
    assert (tmp_path / "content").read_bytes() == parse_voucher(VOUCHER).signed.content


def test_asn1crypto_reads_it() -> None:
    info = witness.ContentInfo.load(VOUCHER, strict=True)  # type: ignore[no-untyped-call]  # asn1crypto has no types
    data = info["content"]
    assert data["version"].native == "v5"
    assert data["encap_content_info"]["content_type"].dotted == oids.ID_CT_VOUCHER_INFO
    assert data["signer_infos"][0]["sid"].name == "issuer_and_serial_number"
    assert [item.name for item in data["crls"]] == ["other"] * 3
    assert {item["type"].native for item in data["signer_infos"][0]["signed_attrs"]} == {
        "content_type",
        "message_digest",
        oids.ID_SIGNING_CERTIFICATE_V2,
    }


ALGORITHMS = [*algorithms.SIGNATURES.values()]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.name)
def test_every_algorithm_signs_and_verifies(algorithm: SignatureAlgorithm) -> None:
    signer = authority(algorithm)
    encoded = sign_content(oids.ID_CT_REPORT, b"content", signer.key, signer.certificate, algorithm=algorithm)
    signed = parse_signed_content(encoded, oids.ID_CT_REPORT)
    assert (signed.content, signed.algorithm, signed.ocsp_responses) == (b"content", algorithm, ())
    signed.verify_signature()


@needs_openssl
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda algorithm: algorithm.name)
def test_openssl_verifies_every_algorithm(algorithm: SignatureAlgorithm, tmp_path: Path) -> None:
    signer = authority(algorithm)
    encoded = sign_content(oids.ID_CT_REPORT, b"content", signer.key, signer.certificate, algorithm=algorithm)
    assert openssl_accepts(encoded, tmp_path)


def authority(algorithm: SignatureAlgorithm) -> Issued:
    """Return a Voucher Authority's certificate with a key that fits the algorithm."""
    curve = ec.SECP384R1 if algorithm.digest is algorithms.SHA384 else ec.SECP256R1
    subject_key = key("va", curve) if algorithm.scheme is algorithms.Scheme.ECDSA else rsa_key("va")
    validity = BIRCH.voucher.certificate.not_valid_before_utc, BIRCH.voucher.certificate.not_valid_after_utc
    return issue("va", subject_key, BIRCH.root, BIRCH.voucher_extensions(), span=validity)


# What openssl accepts and the profile refuses


@needs_openssl
def test_a_wrong_content_type_attribute(tmp_path: Path) -> None:
    wrong = {**attribute_values(), oids.ID_CONTENT_TYPE: der.encode(x509.ObjectIdentifier(oids.ID_CT_DIRECTORY))}
    encoded = tampered(resigned(wrong))
    assert openssl_accepts(encoded, tmp_path)
    with refuses("malformed", "V1"):
        parse_voucher(encoded)


@needs_openssl
def test_no_signed_attributes(tmp_path: Path) -> None:
    signature = algorithms.ECDSA_SHA256.sign(BIRCH.voucher.key, parse_voucher(VOUCHER).signed.content)
    encoded = tampered(with_signer(signed_attributes=None, signature=signature))
    assert openssl_accepts(encoded, tmp_path)
    with refuses("malformed", "V1"):
        parse_voucher(encoded)


@needs_openssl
def test_signed_attributes_moved_into_the_content(tmp_path: Path) -> None:
    """The signature over the attributes is one over a content of the same octets, when there are no attributes."""
    attributes = parse_voucher(VOUCHER).signed.signed_octets

    def move(data: Any) -> None:
        data.encapsulated.content = attributes
        with_signer(signed_attributes=None)(data)

    encoded = tampered(move)
    assert openssl_accepts(encoded, tmp_path)
    with refuses("malformed", "V1"):
        parse_voucher(encoded)


@needs_openssl
def test_an_added_unsigned_attribute(tmp_path: Path) -> None:
    attribute = signed_attributes({f"{oids.ARC}.9": der.encode(b"x")})
    encoded = tampered(with_signer(unsigned_attributes=attribute))
    assert openssl_accepts(encoded, tmp_path)
    with refuses("malformed", "V1"):
        parse_voucher(encoded)


@needs_openssl
@pytest.mark.parametrize("version", [3, 5])
def test_removed_ocsp_responses(version: int, tmp_path: Path) -> None:
    encoded = tampered(with_data(crls=None, version=version))
    assert openssl_accepts(encoded, tmp_path)
    with refuses("malformed", "V1"):
        parse_voucher(encoded)


# What is accepted, and leaves the voucher's name alone


def test_the_other_ecdsa_signature_is_the_same_voucher() -> None:
    voucher = parse_voucher(VOUCHER)
    r, s = decode_dss_signature(voucher.signed.signature)
    twin = parse_voucher(tampered(with_signer(signature=encode_dss_signature(r, P256_ORDER - s))))
    twin.signed.verify_signature()
    assert twin.der != voucher.der
    assert twin.hash == voucher.hash
    SCENE.accept(twin.der)


# The profile, clause by clause


def other_certificate() -> asn1.TLV:
    return der.opaque(SCENE.cedar.voucher.der)


def duplicate_response(data: Any) -> None:
    data.crls = asn1.SetOf([data.crls.as_list()[0]] * 2)


def foreign_revocation(data: Any) -> None:
    entry = data.crls.as_list()[0]
    entry.form = x509.ObjectIdentifier("1.2.3")
    data.crls = asn1.SetOf([entry])


def no_content(data: Any) -> None:
    data.encapsulated.content = None


def other_content_type(data: Any) -> None:
    data.encapsulated.content_type = x509.ObjectIdentifier(oids.ID_CT_DIRECTORY)


def two_signers(data: Any) -> None:
    data.signer_infos = asn1.SetOf([signer_of(data)] * 2)


def other_serial_number(data: Any) -> None:
    signer = signer_of(data)
    name = der.decode(IssuerAndSerialNumber, der.raw(signer.signer), "sid", 100)
    name.serial_number += 1
    signer.signer = der.opaque(der.encode(name))
    data.signer_infos = asn1.SetOf([signer])


def algorithm_identifier(encoded: str) -> asn1.TLV:
    return der.opaque(bytes.fromhex(encoded))


SHA1 = algorithm_identifier("300706052b0e03021a")
SHA384 = der.opaque(algorithms.SHA384.identifier)
SHAPES: dict[str, Callable[[Any], object]] = {
    "version 3 with responses": with_data(version=3),
    "version 1": with_data(version=1),
    "two digest algorithms": with_data(
        digest_algorithms=asn1.SetOf([SHA384, der.opaque(algorithms.SHA256.identifier)])
    ),
    "no digest algorithm": with_data(digest_algorithms=asn1.SetOf([])),
    "SHA-1": with_data(digest_algorithms=asn1.SetOf([SHA1])),
    "another digest algorithm": with_data(digest_algorithms=asn1.SetOf([SHA384])),
    "another content type": other_content_type,
    "detached content": no_content,
    "no certificate": with_data(certificates=None),
    "empty certificates": with_data(certificates=asn1.SetOf([])),
    "two certificates": with_data(certificates=asn1.SetOf([other_certificate(), der.opaque(BIRCH.voucher.der)])),
    "another certificate": with_data(certificates=asn1.SetOf([other_certificate()])),
    "no signer": with_data(signer_infos=asn1.SetOf([])),
    "two signers": two_signers,
    "signer version 3": with_signer(version=3),
    "another serial number": other_serial_number,
    "another signer digest": with_signer(digest_algorithm=SHA384),
    "Ed25519": with_signer(signature_algorithm=algorithm_identifier("300506032b6570")),
    "another signature digest": with_signer(signature_algorithm=der.opaque(algorithms.ECDSA_SHA384.identifier)),
    "empty crls": with_data(crls=asn1.SetOf([])),
    "duplicate response": duplicate_response,
    "foreign revocation info": foreign_revocation,
    "empty unsigned attributes": with_signer(unsigned_attributes=asn1.SetOf([])),
    "missing attribute": resigned({oids.ID_CONTENT_TYPE: attribute_values()[oids.ID_CONTENT_TYPE]}),
    "additional attribute": resigned({**attribute_values(), "1.2.840.113549.1.9.5": der.encode(b"x")}),
}


@pytest.mark.parametrize("change", SHAPES.values(), ids=SHAPES.keys())
def test_shapes_that_the_profile_excludes(change: Callable[[Any], object]) -> None:
    with refuses("malformed", "V1"):
        parse_voucher(tampered(change))


def test_another_outer_content_type() -> None:
    info = der.decode(ContentInfo, VOUCHER, "ContentInfo", len(VOUCHER))
    info.content_type = x509.ObjectIdentifier("1.2.840.113549.1.7.1")
    with refuses("malformed", "V1"):
        parse_voucher(der.encode(info))


def test_an_attribute_with_two_values() -> None:
    attributes = signed_attributes(attribute_values()).as_list()
    attributes[0].values = asn1.SetOf([attributes[0].values.as_list()[0]] * 2)
    with pytest.raises(Malformed):
        tampered(with_signer(signed_attributes=asn1.SetOf(attributes)))


def with_content(data: Any) -> None:
    evidence = parse_voucher(VOUCHER).info.status_evidence
    data.encapsulated.content = SCENE.info(SCENE.cedar, status_evidence=evidence).encode()


def issuer_serial(data: Any) -> None:
    """Signing-certificate-v2 that names another certificate, rightly signed."""
    other = names_of(SCENE.cedar.voucher.certificate).signing_certificate
    resigned({**attribute_values(), oids.ID_SIGNING_CERTIFICATE_V2: other})(data)


@pytest.mark.parametrize(
    "change",
    [
        with_signer(signature=b""),
        with_signer(signature=algorithms.ECDSA_SHA256.sign(key("another"), b"")),
        with_signer(signature_algorithm=der.opaque(algorithms.PSS_SHA256.identifier)),
        with_content,
        issuer_serial,
    ],
    ids=["empty", "another key", "another kind of key", "another content", "another certificate named"],
)
def test_signatures_that_do_not_hold(change: Callable[[Any], object]) -> None:
    voucher = parse_voucher(tampered(change))
    with refuses("bad-signature", "V4"):
        voucher.signed.verify_signature()


def test_a_voucher_of_another_content_type_is_none() -> None:
    signer = BIRCH.voucher
    encoded = sign_content(oids.ID_CT_EXPEDITE_STATEMENT, b"x", signer.key, signer.certificate)
    with refuses("malformed", "V1"):
        parse_voucher(encoded)


def test_a_set_in_another_order_is_no_der() -> None:
    first, second, *_ = parse_voucher(VOUCHER).ocsp_responses
    entries = [der.encode(cms._revocation_info(response)) for response in (first, second)]
    one, two = (b"\xa1" + entry[1:] for entry in entries)
    assert one + two in VOUCHER
    with refuses("malformed", "V1"):
        parse_voucher(VOUCHER.replace(one + two, two + one))


def test_a_voucher_that_nobody_would_accept_is_not_signed() -> None:
    with pytest.raises(Malformed, match="octets"):
        SCENE.voucher(BIRCH, evidence=EVIDENCE, enclosed=[*EVIDENCE, *(BIRCH.ocsp(BIRCH.issuing) for _ in range(60))])


def test_trailing_octets_and_size() -> None:
    for encoded in (VOUCHER + b"\0", VOUCHER + bytes(16 * 1024)):
        with refuses("malformed", "V1"):
            parse_voucher(encoded)


@given(st.binary(max_size=300))
def test_any_octets_are_malformed_and_nothing_else(octets: bytes) -> None:
    with refuses("malformed", "V1"):
        parse_voucher(octets)


@pytest.mark.filterwarnings("ignore")  # a certificate with a changed octet may be one that the library warns of
@given(changed(VOUCHER))
def test_a_changed_octet_never_verifies(octets: bytes) -> None:
    """Unsigned octets excepted: those of the enclosed responses, whose hashes the evidence holds."""
    voucher = parsed(parse_voucher, octets)
    if voucher is None or voucher.ocsp_responses != parse_voucher(VOUCHER).ocsp_responses:
        return
    with pytest.raises(VerificationError):
        voucher.signed.verify_signature()


def test_a_digest_is_that_of_the_library() -> None:
    context = hashes.Hash(hashes.SHA512())
    context.update(b"data")
    assert algorithms.SHA512.of(b"data") == context.finalize()
