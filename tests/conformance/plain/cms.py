"""The CMS profile of vouchers and directories: O1 to O4 (RFC 5652, RFC 5035, RFC 5940)."""

import hashlib
from dataclasses import dataclass

from asn1crypto import core

from tests.conformance.plain import certificates, der, signatures
from tests.conformance.plain.certificates import Certificate
from tests.conformance.plain.der import Fields, Value
from tests.conformance.plain.refusal import expect

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"
# What is compared as octets (O2), and what is read where it is needed (12.5).
_OPAQUE = {core.ObjectIdentifier(each).dump() for each in (_MESSAGE_DIGEST, _SIGNING_CERTIFICATE, _OCSP_RESPONSE)}


@dataclass(frozen=True)
class Signed:
    """An object of the profile; nothing in it is true before `holds` says so."""

    content: bytes
    certificate: Certificate
    responses: list[bytes]  # the OCSP responses in `crls`
    algorithm: signatures.Algorithm
    digest: bytes  # what the attributes say, as DER
    signing_certificate: bytes
    attributes: bytes  # the octets that are signed
    signature: bytes

    def holds(self) -> bool:
        """Tell whether this certificate's key signed this content (V4, D2)."""
        hashed = hashlib.new(self.algorithm.digest, self.content).digest()
        if self.digest != b"\x04" + bytes((len(hashed),)) + hashed:
            return False
        named = self.certificate.hash
        if self.signing_certificate != b"\x30\x26\x30\x24\x30\x22\x04\x20" + named:
            return False
        return signatures.verifies(self.certificate.key, self.algorithm, self.signature, self.attributes)


def parse(octets: bytes, content_type: str) -> Signed:
    """Return the object, which has the one content type that is expected (K5)."""
    outer = Fields(der.read(octets, _OPAQUE))
    expect(der.oid(outer.take()) == _SIGNED_DATA, "no SignedData")
    data = Fields(der.inside(outer.take(0xA0)))
    outer.end()
    version, digests, encapsulated = data.take(der.INTEGER), data.take(der.SET), Fields(data.take())
    enclosed, crls, signers = data.maybe(0xA0), data.maybe(0xA1), data.take(der.SET)
    data.end()
    expect(der.oid(encapsulated.take()) == content_type, "another content type")
    content = der.octets(der.inside(encapsulated.take(0xA0)))
    encapsulated.end()
    certificate = certificates.load(_one(enclosed, "certificates").raw)
    responses = _responses(crls)
    expect(der.integer(version) == (5 if crls else 3), "another version of SignedData")
    digest = signatures.digest_named(_one(digests, "digestAlgorithms"))
    return _signer(Fields(_one(signers, "signerInfos")), content_type, content, certificate, responses, digest)


def _one(value: Value | None, what: str) -> Value:
    expect(value is not None and len(value.items) == 1, f"{what}: not exactly one")
    return value.items[0]


def _responses(crls: Value | None) -> list[bytes]:
    if crls is None:
        return []
    der.check_order(crls)
    found = []
    for item in crls.items:
        fields = Fields(item, 0xA1)
        expect(der.oid(fields.take()) == _OCSP_RESPONSE, "other revocation information than OCSP responses")
        found.append(fields.take().raw)
        fields.end()
    expect(found, "crls: there and empty")
    expect(len(set(found)) == len(found), "crls: a response twice")
    return found


def _signer(  # noqa: PLR0917 the parts of one object
    info: Fields, content_type: str, content: bytes, certificate: Certificate, responses: list[bytes], digest: str
) -> Signed:
    expect(der.integer(info.take(der.INTEGER)) == 1, "another version of SignerInfo")
    name, serial = Fields(sid := info.take(der.SEQUENCE)), certificate.serial
    expect(name.take().raw == certificate.issuer, "sid: another issuer")
    expect(name.take().raw == serial.raw, "sid: another serial number")
    expect(len(sid.items) == 2, "sid: a field too many")
    expect(signatures.digest_named(info.take()) == digest, "digestAlgorithm is not that of digestAlgorithms")
    attributes = info.take(0xA0)
    algorithm, signature = signatures.algorithm_named(info.take()), der.octets(info.take())
    expect(info.maybe(0xA1) is None, "unsigned attributes")
    info.end()
    expect(algorithm.digest == digest, "the signature's digest is another")
    values = _attributes(attributes)
    expect(values.keys() == {_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE}, "other signed attributes")
    expect(der.oid(values[_CONTENT_TYPE]) == content_type, "content-type is not eContentType")
    return Signed(
        content=content,
        certificate=certificate,
        responses=responses,
        algorithm=algorithm,
        digest=values[_MESSAGE_DIGEST].raw,
        signing_certificate=values[_SIGNING_CERTIFICATE].raw,
        attributes=b"\x31" + attributes.raw[1:],  # signed as the SET OF that they are (RFC 5652 section 5.4)
        signature=signature,
    )


def _attributes(value: Value) -> dict[str, Value]:
    der.check_order(value)
    found: dict[str, Value] = {}
    for item in value.items:
        fields = Fields(item)
        name, values = der.oid(fields.take()), fields.take(der.SET)
        fields.end()
        expect(name not in found, "a signed attribute twice")
        found[name] = _one(values, "values of a signed attribute")
    return found
