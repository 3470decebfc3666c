"""The envelope of a voucher (CMS, RFC 5652) as it lies there: where VoucherInfo is, which of O1 to O5 are broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from asn1crypto.core import ObjectIdentifier

from mecai.cli.lenient.tree import FIRST, INTEGER, OCTETS, OID, SECOND, Node, Part, UnreadableError, read
from mecai.protocol import oids
from mecai.protocol.limits import LIMITS

_LONGEST: Final = 1 << 20  # octets that are looked at, at all
_VERSION: Final = b"\x05"
_SIGNER_VERSION: Final = b"\x01"
_DIGESTS: Final = {"2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"}
_NAMES: Final = {"1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47"}  # RFC 5652, 5035


@dataclass(frozen=True)
class Envelope:
    """The octets of VoucherInfo, and where they stand."""

    content: bytes
    offset: int


def read_envelope(octets: bytes, parts: list[Part]) -> Envelope:
    """Find VoucherInfo and note what the envelope breaks; raises `UnreadableError`."""
    if len(octets) > _LONGEST:
        raise UnreadableError(f"{len(octets)} octets, no more than {_LONGEST} are looked at")
    if len(octets) > LIMITS.voucher_size:
        parts.append(Part(LIMITS.voucher_size, "O5", f"{len(octets)} octets, at most {LIMITS.voucher_size} allowed"))
    data = _down(read(octets, 0, parts), 1, 0)
    if len(data.children) < 4:  # noqa: PLR2004 - version, digestAlgorithms, encapContentInfo, signerInfos
        raise UnreadableError(f"octet {data.offset}: a SignedData of {len(data.children)} fields")
    version, digests, encapsulated, *optional, signers = data.children
    content = _down(encapsulated, 1, 0)
    if content.tag != OCTETS:
        raise UnreadableError(f"octet {content.offset}: eContent is no OCTET STRING")
    parts.extend(_envelope_faults(version, digests, encapsulated, optional))
    parts.extend(_count(signers, "signerInfos", "O1"))
    for signer in signers.children:
        parts.extend(_signer_faults(signer))
        parts.extend(_name_faults(signer, optional))
    pieces = content.children if content.constructed else (content,)
    if not pieces:
        raise UnreadableError(f"octet {content.offset}: eContent is empty")
    start = pieces[0].offset + len(pieces[0].octets) - len(pieces[0].content)
    return Envelope(b"".join(each.content for each in pieces), start)


def _envelope_faults(version: Node, digests: Node, encapsulated: Node, optional: Sequence[Node]) -> Iterator[Part]:
    if version.content != _VERSION:
        yield Part(version.offset, "O1", f"SignedData version {version.content.hex()}, expected 05")
    if (name := _name(encapsulated.children[0])) != oids.ID_CT_VOUCHER_INFO:
        yield Part(encapsulated.offset, "O1", f"eContentType {name}, expected {oids.ID_CT_VOUCHER_INFO}")
    yield from _count(digests, "digestAlgorithms", "O1")
    for digest in digests.children:
        yield from _digest_faults(digest)
    by_tag = {node.tag: node for node in optional}
    if certificates := by_tag.get(FIRST):
        yield from _count(certificates, "certificates", "O1")
    else:
        yield Part(encapsulated.offset, "O1", "no certificates")
    if crls := by_tag.get(SECOND):
        yield from _response_faults(crls)
    else:
        yield Part(encapsulated.offset, "O4", "no crls, expected the authority's own OCSP response at least")


def _digest_faults(digest: Node) -> Iterator[Part]:
    if len(digest.children) > 1:
        yield Part(digest.offset, "O3", "a digest with parameters")
    if not digest.children or _name(digest.children[0]) not in _DIGESTS:
        yield Part(digest.offset, "O3", "a digest that is none of SHA-256, SHA-384 and SHA-512")


def _response_faults(crls: Node) -> Iterator[Part]:
    if not crls.children:
        yield Part(crls.offset, "O4", "crls is empty")
    seen: set[bytes] = set()
    for entry in crls.children:
        if entry.tag != SECOND or not entry.children or _name(entry.children[0]) != oids.ID_RI_OCSP_RESPONSE:
            yield Part(entry.offset, "O4", "revocation info that is no OCSP response")
        if entry.octets in seen:
            yield Part(entry.offset, "O4", "an OCSP response twice")
        seen.add(entry.octets)


def _signer_faults(signer: Node) -> Iterator[Part]:
    fields = [node for node in signer.children if node.tag < FIRST]
    by_tag = {node.tag: node for node in signer.children if node.tag >= FIRST}
    if fields and fields[0].tag == INTEGER and fields[0].content != _SIGNER_VERSION:
        yield Part(fields[0].offset, "O1", f"SignerInfo version {fields[0].content.hex()}, expected 01")
    attributes = by_tag.get(FIRST)
    if attributes is None:
        yield Part(signer.offset, "O2", "no signed attributes, or the signer is not named by issuer and serial number")
    else:
        yield from _attribute_faults(attributes)
    if SECOND in by_tag:
        yield Part(by_tag[SECOND].offset, "O2", "unsigned attributes")


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
    named = [_name(each.children[0]) for each in attributes.children if each.children]
    if sorted(named) != sorted(_NAMES):
        yield Part(attributes.offset, "O2", f"signed attributes {', '.join(named) or 'none'}")
    for each in attributes.children:
        if len(each.children) > 1 and len(each.children[1].children) != 1:
            yield Part(each.offset, "O2", "an attribute that has not one value")
    encoded = [each.octets for each in attributes.children]
    if encoded != sorted(encoded):
        yield Part(attributes.offset, "O2", "signed attributes out of order")


def _count(node: Node, what: str, rule: str) -> Iterator[Part]:
    if len(node.children) != 1:
        yield Part(node.offset, rule, f"{what}: {len(node.children)} entries, expected exactly one")


def _down(node: Node, *way: int) -> Node:
    """Return the child of a child, by their places."""
    for place in way:
        if place >= len(node.children):
            raise UnreadableError(f"octet {node.offset}: no signed object (CMS) is there")
        node = node.children[place]
    return node


def _name(node: Node) -> str:
    if node.tag != OID:
        return f"no object identifier at octet {node.offset}"
    try:
        return str(ObjectIdentifier.load(node.octets).dotted)
    except ValueError:
        return f"an object identifier that cannot be read at octet {node.offset}"
