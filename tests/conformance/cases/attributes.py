# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""O2 and O6: what the signature covers. General CMS readers accept much of what has to be refused here."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests.conformance.parts import names
from tests.conformance.parts.der import (
    NULL,
    Fields,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    sequence,
    set_of,
    time,
    unsorted_set_of,
)
from tests.conformance.parts.signed_data import Changes, attribute, sign, signed_attributes
from tests.conformance.parts.signing import Algorithm, PrivateKey, Signer, ecdsa, signer
from tests.conformance.registry import Situation, case
from tests.conformance.stage import BIRCH, CEDAR, GOOD, accepted, refused, voucher
from tests.pki import NOW

_BY = signer(BIRCH.voucher)
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ATTRIBUTES = signed_attributes(names.VOUCHER_INFO, GOOD.content, _BY)


def _changed_signer(**fields: bytes) -> Situation:
    return refused("malformed", voucher(changes=Changes(signer_info=fields)))


def _changed_attributes(attributes: Fields, reason: str = "malformed") -> Situation:
    """Refuse the good voucher with other signed attributes, and a signature that fits them."""
    return refused(reason, voucher(changes=Changes(attributes=attributes)))


@case("V1", "O2")
def o2_content_type_attribute() -> Situation:
    """The signed content-type attribute says id-data, the eContentType id-ct-voucherInfo. OpenSSL accepts it."""
    return _changed_attributes({"content-type": attribute(names.CONTENT_TYPE, oid(names.DATA))})


@case("V1", "O1", "O2")
def o2_content_type_of_another() -> Situation:
    """The eContentType says id-ct-report, the signed content-type attribute id-ct-voucherInfo."""
    other = sequence(oid(names.REPORT), explicit(0, octets(GOOD.content)))
    return refused("malformed", voucher(changes=Changes(signed_data={"encapContentInfo": other})))


def _bare(content: bytes) -> Situation:
    """Refuse a voucher without signed attributes: the signature is over the content itself (RFC 5652 section 5.4)."""
    fields = {"signedAttrs": b"", "signature": octets(_BY.sign(content))}
    bare = sign(names.VOUCHER_INFO, content, _BY, GOOD.responses, Changes(signer_info=fields))
    return refused("malformed", bare)


@case("V1", "O2")
def o2_no_signed_attributes() -> Situation:
    """There are no signed attributes; the signature is over the content directly. OpenSSL accepts it."""
    return _bare(GOOD.content)


@case("V1", "O2")
def o2_signed_attributes_as_content() -> Situation:
    """The signed attributes of a good voucher are moved into the eContent, its signature is kept.

        good:    signature over DER(signedAttrs)
        forged:  no signedAttrs, eContent = DER(signedAttrs), the same signature over the eContent

    The signature verifies, and OpenSSL accepts the object; the Voucher Authority never signed this content.
    """
    return _bare(set_of(*_ATTRIBUTES.values()))


@case("V1", "O2")
def o2_unsigned_attribute() -> Situation:
    """Somebody added an unsigned attribute on the way. No signature covers it, and OpenSSL accepts it."""
    return _changed_signer(unsignedAttrs=implicit(1, set_of(attribute(names.UNKNOWN, NULL))))


@case("V1", "O2", over={name: name for name in _ATTRIBUTES})
def o2_without(name: str) -> Situation:
    """The signed attributes lack {}. O2: exactly three."""
    return _changed_attributes({name: b""})


@case("V1", "O2")
def o2_signing_time() -> Situation:
    """A fourth signed attribute says when birch signed. O2: exactly three."""
    return _changed_attributes({"signing time": attribute(names.SIGNING_TIME, time(NOW))})


@case("V1", "O2")
def o2_attribute_twice() -> Situation:
    """The content-type attribute stands there twice."""
    return _changed_attributes({"again": _ATTRIBUTES["content-type"]})


@case("V1", "O2")
def o2_attribute_of_two_values() -> Situation:
    """The content-type attribute has two values, the right one among them."""
    both = attribute(names.CONTENT_TYPE, oid(names.VOUCHER_INFO), oid(names.REPORT))
    return _changed_attributes({"content-type": both})


@case("V1", "O2", "I6")
def o2_attributes_unsorted() -> Situation:
    """The signed attributes stand in falling order. DER sorts a SET OF; the signature is over the sorted one."""
    falling = sorted(_ATTRIBUTES.values(), reverse=True)
    return _changed_signer(signedAttrs=implicit(0, unsorted_set_of(*falling)))


@case("V4", "O2")
def o2_digest_of_something_else() -> Situation:
    """The signed message-digest is that of other octets: the content was exchanged. The reason is `bad-signature`."""
    digest = attribute(names.MESSAGE_DIGEST, octets(_BY.algorithm.hash(b"other octets")))
    return _changed_attributes({"message-digest": digest}, "bad-signature")


@case("V4", "O2")
def o2_another_signing_certificate() -> Situation:
    """signing-certificate-v2 names cedar's certificate: birch's was exchanged for it. The reason is `bad-signature`."""
    named = signed_attributes(names.VOUCHER_INFO, GOOD.content, signer(CEDAR.voucher))["signing-certificate-v2"]
    return _changed_attributes({"signing-certificate-v2": named}, "bad-signature")


_NO_DER = {
    "a string in pieces": b"\x24\x04\x04\x02ab",
    "a BOOLEAN of 05 inside": sequence(b"\x01\x01\x05"),
    "nothing of the kind": sequence(),
}


@case("V4", "O2", "I6", over=_NO_DER)
def o2_digest_of(value: bytes) -> Situation:
    """The signed message-digest is {}. O2: its octets are compared as they stand; the reason is `bad-signature`."""
    return _changed_attributes({"message-digest": attribute(names.MESSAGE_DIGEST, value)}, "bad-signature")


@case("V4", "O2", "I6", over=_NO_DER)
def o2_signing_certificate_of(value: bytes) -> Situation:
    """signing-certificate-v2 is {}. O2: its octets are compared as they stand; the reason is `bad-signature`."""
    named = attribute(names.SIGNING_CERTIFICATE_V2, value)
    return _changed_attributes({"signing-certificate-v2": named}, "bad-signature")


_HASH = octets(hashlib.sha256(BIRCH.voucher.der).digest())
_NAME = sequence(_HASH)
_ISSUER_SERIAL = sequence(sequence(explicit(4, BIRCH.root.certificate.subject.public_bytes())), integer(1))
_REFERENCES = {
    "an issuerSerial": sequence(sequence(sequence(_HASH, _ISSUER_SERIAL))),
    "two certificates": sequence(sequence(_NAME, _NAME)),
    "policies": sequence(sequence(_NAME), sequence(sequence(oid(names.UNKNOWN)))),
}


@case("V4", "O2", over=_REFERENCES)
def o2_signing_certificate_with(reference: bytes) -> Situation:
    """signing-certificate-v2 has {}. O2: the SHA-256 of the one certificate, and nothing else; else `bad-signature`."""
    return _changed_attributes(
        {"signing-certificate-v2": attribute(names.SIGNING_CERTIFICATE_V2, reference)}, "bad-signature"
    )


def _negated(key: PrivateKey, data: bytes) -> bytes:
    """Return the other ECDSA signature that verifies whenever one does: (r, n - s)."""
    r, s = decode_dss_signature(ecdsa("sha256").sign(key, data))
    return encode_dss_signature(r, _P256_ORDER - s)


@case("V4", "O6")
def o6_signature_negated() -> Situation:
    """Somebody replaced s of the ECDSA signature by n - s, for which no key is needed.

    The signature verifies. O6: the voucher hash is over the eContent, so this is the same voucher as before.
    """
    algorithm = Algorithm(_BY.algorithm.identifier, "sha256", _negated)
    return accepted(voucher(by=Signer(BIRCH.voucher, algorithm)))
