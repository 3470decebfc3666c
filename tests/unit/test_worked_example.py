"""The worked example of the specification is what the generator makes, and what the product makes of its values."""

import re
import runpy
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.codec.signed_attributes import attribute_values
from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import certificate_hash, spki_hash
from mecai.protocol.selection import EPOCH_SECONDS, destination_octets, epoch_of, sticky_score

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "spec" / "example.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"(?P<what>[^\n]+)\n\n```text\n(?P<hex>[0-9a-f\n]+)```")
BLOCKS = {found["what"].rstrip(":"): bytes.fromhex(found["hex"].replace("\n", "")) for found in _BLOCK.finditer(PAGE)}
VOUCHER = parse_voucher(BLOCKS["ContentInfo"])


def block(begin: str) -> bytes:
    """Return the octets under the one line that begins so."""
    (found,) = (octets for what, octets in BLOCKS.items() if what.startswith(begin))
    return found


def test_it_is_what_the_generator_makes() -> None:
    assert runpy.run_path(str(ROOT / "scripts" / "worked-example"))["page"]() == PAGE


def test_each_key_is_that_of_the_certificate_after_it() -> None:
    pairs = re.findall(
        r"Private key of [^\n]+\n\n```text\n([0-9a-f\n]+)```\n\nIts certificate:\n\n```text\n([0-9a-f\n]+)", PAGE
    )
    assert len(pairs) == 4
    for scalar, der in pairs:
        certificate = x509.load_der_x509_certificate(bytes.fromhex(der.replace("\n", "")))
        assert ec.derive_private_key(int(scalar, 16), ec.SECP256R1()).public_key() == certificate.public_key()


def test_the_voucher_is_read_as_it_is_shown() -> None:
    assert VOUCHER.signed.content == block("The whole") == VOUCHER.info.encode()
    assert VOUCHER.hash == block("Voucher hash")
    assert VOUCHER.info.authority == block("SPKI hash")[:8] == spki_hash(birch_root())[:8]
    assert VOUCHER.info.certificate_hash == block("Certificate hash")
    assert VOUCHER.info.intermediate_hashes == (block("and of the alder issuing CA"),)
    assert set(VOUCHER.ocsp_responses) == {
        octets for what, octets in BLOCKS.items() if what.startswith("OCSP response")
    }


def birch_root() -> x509.Certificate:
    found = re.search(r"Its certificate:\n\n```text\n([0-9a-f\n]+)", PAGE)
    assert found is not None
    return x509.load_der_x509_certificate(bytes.fromhex(found[1].replace("\n", "")))


def test_the_signed_attributes_are_those_that_the_product_would_sign() -> None:
    signed = VOUCHER.signed
    assert signed.signed_octets == block("What is signed")
    assert signed.signature == block("Signature, ECDSA")
    assert signed.attributes == attribute_values(signed.content_type, signed.content, signed.digest, signed.certificate)
    signed.verify_signature()
    assert certificate_hash(signed.certificate.public_bytes(Encoding.DER)) in block("signing-certificate-v2")


def test_the_selection_has_the_numbers_of_the_product() -> None:
    key, d = block("key"), block("d")
    numbers = re.search(r"offset = (\d+); t = (\d+); epoch = (\d+)", PAGE)
    assert numbers is not None
    offset, t, epoch = map(int, numbers.groups())
    now = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    assert (destination_octets("www.example.test"), int(now.timestamp())) == (d, t)
    assert epoch_of(d, key, now) == epoch == (t + offset) // EPOCH_SECONDS
    scored = re.findall(r"VA id `([0-9a-f]{16})`, score:\n\n```text\n([0-9a-f]{64})\n", PAGE)
    assert len(scored) == 4
    assert [sticky_score(d, key, epoch, bytes.fromhex(authority)).hex() for authority, _ in scored] == [
        score for _, score in scored
    ]
    assert [score for _, score in scored] == sorted((score for _, score in scored), reverse=True)


def test_the_extensions_are_those_of_the_product() -> None:
    request = RequestExtension.decode(block("`voucher_request`"))
    assert request is not None
    assert (request.quorum, len(request.candidates), request.contexts, request.cached) == (1, 3, ("MOZ",), ())
    assert request.encode() == block("`voucher_request`")
    assert encode_vouchers([VOUCHER.der]) == block("The answer") + VOUCHER.der
