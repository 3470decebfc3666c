"""The envelope of a voucher (CMS, RFC 5652) as it lies there: where VoucherInfo is, which of O1 to O5 are broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mecai.cli.lenient.algorithms import algorithm, digest_faults, dotted, signature_faults
from mecai.cli.lenient.tree import (
    FIRST,
    INTEGER,
    OCTETS,
    SECOND,
    SEQUENCE,
    SET,
    Node,
    Part,
    UnreadableError,
    in_order,
    read,
)
from mecai.protocol import oids
from mecai.protocol.limits import LIMITS

_LONGEST: Final = 1 << 20  # octets that are looked at, at all
_VERSION: Final = b"\x05"
_SIGNER_VERSION: Final = b"\x01"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_NAMES: Final = {_CONTENT_TYPE, "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47"}  # RFC 5652, 5035


@dataclass(frozen=True)
class Envelope:
    """The octets of VoucherInfo, and where they stand; the OCSP responses, and the places of what stands around."""

    content: bytes
    offset: int
    responses: tuple[Node, ...]
    places: dict[str, int]  # by the names that the strict reader gives them


def read_envelope(octets: bytes, parts: list[Part]) -> Envelope:
    """Find VoucherInfo and note what the envelope breaks; raises `UnreadableError`."""
    if len(octets) > _LONGEST:
        raise UnreadableError(f"{len(octets)} octets, no more than {_LONGEST} are looked at")
    if len(octets) > LIMITS.voucher_size:
        parts.append(Part(LIMITS.voucher_size, "O5", f"{len(octets)} octets, at most {LIMITS.voucher_size} allowed"))
    whole = read(octets, 0, parts)
    data = _down(whole, 1, 0)
    if len(data.children) < 4:  # noqa: PLR2004 - version, digestAlgorithms, encapContentInfo, signerInfos
        raise UnreadableError(f"octet {data.offset}: a SignedData of {len(data.children)} fields")
    version, digests, encapsulated, *optional, signers = data.children
    content = _down(encapsulated, 1, 0)
    if content.tag != OCTETS:
        raise UnreadableError(f"octet {content.offset}: eContent is no OCTET STRING")
    parts.extend(_outer_faults(whole, encapsulated))
    parts.extend(_envelope_faults(version, digests, encapsulated, optional))
    parts.extend(_several(signers, SET, "signerInfos"))
    for signer in signers.children:
        parts.extend(_signer_faults(signer, digests))
        parts.extend(_name_faults(signer, optional))
    by_tag = {node.tag: node for node in optional}
    crls, places = by_tag.get(SECOND), {"certificate": by_tag.get(FIRST, data).offset, "crls": data.offset}
    responses = tuple(entry.children[1] for entry in crls.children if len(entry.children) > 1) if crls else ()
    return Envelope(*_joined(content), responses, places)


def _joined(content: Node) -> tuple[bytes, int]:
    """Return the octets of an OCTET STRING, which may be one in pieces, and where the first of them stands."""
    pieces = content.children if content.constructed else (content,)
    if not pieces:
        raise UnreadableError(f"octet {content.offset}: eContent is empty")
    return b"".join(each.content for each in pieces), pieces[0].offset + len(pieces[0].octets) - len(pieces[0].content)


def _outer_faults(whole: Node, encapsulated: Node) -> Iterator[Part]:
    if (name := algorithm(whole)) != oids.ID_SIGNED_DATA:
        yield Part(whole.children[0].offset, "O1", f"contentType {name}, expected {oids.ID_SIGNED_DATA}")
    for node, what in ((whole, "ContentInfo"), (encapsulated, "encapContentInfo")):
        if len(node.children) > 2:  # noqa: PLR2004 - type and content
            yield Part(node.children[2].offset, "O1", f"a field after the content of {what}")


def _envelope_faults(version: Node, digests: Node, encapsulated: Node, optional: Sequence[Node]) -> Iterator[Part]:
    if version.content != _VERSION:
        yield Part(version.offset, "O1", f"SignedData version {version.content.hex()}, expected 05")
    if (name := dotted(encapsulated.children[0])) != oids.ID_CT_VOUCHER_INFO:
        yield Part(encapsulated.offset, "O1", f"eContentType {name}, expected {oids.ID_CT_VOUCHER_INFO}")
    yield from _several(digests, SET, "digestAlgorithms")
    for digest in digests.children:
        yield from digest_faults(digest)
    by_tag = {node.tag: node for node in optional}
    if certificates := by_tag.get(FIRST):
        yield from _several(certificates, FIRST, "certificates")
        for each in certificates.children:
            if each.tag != SEQUENCE:
                yield Part(each.offset, "O1", "no certificate, but something else")
    else:
        yield Part(encapsulated.offset, "O1", "no certificates")
    if crls := by_tag.get(SECOND):
        yield from _response_faults(crls)
    else:
        yield Part(encapsulated.offset, "O4", "no crls, expected the authority's own OCSP response at least")


def _response_faults(crls: Node) -> Iterator[Part]:
    if not crls.children:
        yield Part(crls.offset, "O4", "crls is empty")
    if not in_order(crls):
        yield Part(crls.offset, "I6", "a SET out of order")
    seen: set[bytes] = set()
    for entry in crls.children:
        if entry.tag != SECOND or algorithm(entry) != oids.ID_RI_OCSP_RESPONSE:
            yield Part(entry.offset, "O4", "revocation info that is no OCSP response")
        if entry.octets in seen:
            yield Part(entry.offset, "O4", "an OCSP response twice")
        seen.add(entry.octets)


def _signer_faults(signer: Node, digests: Node) -> Iterator[Part]:
    fields = [node for node in signer.children if node.tag < FIRST]
    by_tag = {node.tag: node for node in signer.children if node.tag >= FIRST}
    if fields and fields[0].tag == INTEGER and fields[0].content != _SIGNER_VERSION:
        yield Part(fields[0].offset, "O1", f"SignerInfo version {fields[0].content.hex()}, expected 01")
    yield from _algorithm_faults(fields, digests)
    attributes = by_tag.get(FIRST)
    if attributes is None:
        yield Part(signer.offset, "O2", "no signed attributes, or the signer is not named by issuer and serial number")
    else:
        yield from _attribute_faults(attributes)
    if SECOND in by_tag:
        yield Part(by_tag[SECOND].offset, "O2", "unsigned attributes")


def _algorithm_faults(fields: Sequence[Node], digests: Node) -> Iterator[Part]:
    if len(fields) > 3:  # noqa: PLR2004 - version, sid, digestAlgorithm, signatureAlgorithm
        yield from digest_faults(fields[2])
        yield from signature_faults(fields[3], [*digests.children, fields[2]])


def _name_faults(signer: Node, optional: Sequence[Node]) -> Iterator[Part]:
    """Hold the signer's name against issuer and serial number of the certificate (RFC 5280 section 4.1)."""
    bodies = [each.children[0] for node in optional if node.tag == FIRST for each in node.children[:1] if each.children]
    fields = [node for body in bodies for node in body.children if node.tag != FIRST]
    if len(fields) > 2 and len(signer.children) > 1:  # noqa: PLR2004 - serialNumber, signature, issuer
        named = [each.octets for each in signer.children[1].children]
        if named != [fields[2].octets, fields[0].octets]:
            yield Part(
                signer.children[1].offset, "O1", "a signer who is not the certificate's subject by issuer and number"
            )


def _attribute_faults(attributes: Node) -> Iterator[Part]:
    named = [algorithm(each) for each in attributes.children]
    if sorted(named) != sorted(_NAMES):
        yield Part(attributes.offset, "O2", f"signed attributes {', '.join(named) or 'none'}")
    for each in attributes.children:
        if len(each.children) > 1 and len(each.children[1].children) != 1:
            yield Part(each.offset, "O2", "an attribute that has not one value")
        if algorithm(each) == _CONTENT_TYPE and len(each.children) > 1:
            for value in each.children[1].children:
                if dotted(value) != oids.ID_CT_VOUCHER_INFO:
                    yield Part(value.offset, "O2", "a content-type that is not eContentType")
    if not in_order(attributes):
        yield Part(attributes.offset, "O2", "signed attributes out of order")


def _several(node: Node, tag: int, what: str) -> Iterator[Part]:
    if node.tag != tag:
        yield Part(node.offset, "O1", f"{what} with tag {node.tag:#04x}, expected {tag:#04x}")
    if len(node.children) != 1:
        yield Part(node.offset, "O1", f"{what}: {len(node.children)} entries, expected exactly one")


def _down(node: Node, *way: int) -> Node:
    """Return the child of a child, by their places."""
    for place in way:
        if place >= len(node.children):
            raise UnreadableError(f"octet {node.offset}: no signed object (CMS) is there")
        node = node.children[place]
    return node
