"""Names that are derived and never assigned: authority ids, hashes, addresses as octets.

Everything is SHA-256, which version 1 of the protocol means throughout (docs/spec, "Identifiers").
"""

import hashlib
import ipaddress
import re
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mecai.errors import InputError, Malformed
from mecai.protocol.codec import der
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.structures import TbsCertificate

AUTHORITY_ID_SIZE: Final = 8
HASH_SIZE: Final = 32
_CONTEXT: Final = re.compile(rf"[A-Z0-9-]{{1,{LIMITS.context_length}}}")
_MAPPED_PREFIX: Final = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291 section 2.5.5.2


def sha256(data: bytes) -> bytes:
    """Return the 32 octets of SHA-256 over `data`."""
    return hashlib.sha256(data).digest()


@lru_cache(LIMITS.remembered_certificates)
def spki_der(certificate: x509.Certificate) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a certificate, also of a kind that the library does not know."""
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UnsupportedAlgorithm:
        return der.raw(asn1.decode_der(TbsCertificate, certificate.tbs_certificate_bytes).subject_public_key_info)


@lru_cache(LIMITS.remembered_certificates)
def spki_hash(certificate: x509.Certificate) -> bytes:
    """Return SHA-256 over the DER SubjectPublicKeyInfo: how this project names a key."""
    return sha256(spki_der(certificate))


def certificate_hash(encoded: bytes) -> bytes:
    """Return SHA-256 over a DER certificate: how this project names a certificate."""
    return sha256(encoded)


@lru_cache(LIMITS.remembered_certificates)
def hash_of(certificate: x509.Certificate) -> bytes:
    """Return the same of a parsed certificate."""
    return sha256(certificate.public_bytes(Encoding.DER))


def authority_id(spki_der: bytes) -> bytes:
    """Return the 8 octets that name the Voucher Authority of the root with this DER SubjectPublicKeyInfo."""
    return sha256(spki_der)[:AUTHORITY_ID_SIZE]


def is_mapped(octets: bytes) -> bool:
    """Tell whether 16 octets are an IPv4-mapped IPv6 address."""
    return len(octets) == 16 and octets.startswith(_MAPPED_PREFIX)  # noqa: PLR2004 an IPv6 address


def canonical_address(octets: bytes) -> bytes:
    """Return the 4 octets inside an IPv4-mapped address (rule I5), any other address unchanged."""
    return octets[len(_MAPPED_PREFIX) :] if is_mapped(octets) else octets


@lru_cache(LIMITS.remembered_addresses)
def address_octets(text: str) -> bytes:
    """Return an IP address in text form as 4 or 16 octets; an IPv4-mapped one becomes 4.

    Raises `InputError` for anything else, a zone index included: it has no meaning on another host.
    """
    try:
        octets = ipaddress.ip_address(text).packed
    except ValueError as error:
        raise InputError(f"{text!r} is no IP address; expected for example 192.0.2.1 or 2001:db8::1") from error
    if "%" in text:
        raise InputError(f"{text!r} carries a zone index; leave out the part after '%'")
    return canonical_address(octets)


@lru_cache(LIMITS.remembered_addresses)
def address_text(octets: bytes) -> str:
    """Return 4 or 16 octets as the usual text form of the address; raises `InputError` for other lengths."""
    try:
        return str(ipaddress.ip_address(octets))
    except ValueError as error:
        raise InputError(f"an address has 4 or 16 octets, not {len(octets)}") from error


def check_addresses(addresses: tuple[bytes, ...]) -> None:
    """Refuse, as `Malformed`, an address list that is empty, too long, repeated or not in canonical octets."""
    if not 0 < len(addresses) <= LIMITS.addresses:
        raise Malformed(f"addresses: {len(addresses)}, expected 1..{LIMITS.addresses}")
    for address in addresses:
        if len(address) not in {4, 16}:
            raise Malformed(f"addresses: {len(address)} octets, expected 4 or 16")
        if is_mapped(address):
            raise Malformed("addresses: an IPv4-mapped address must be written as 4 octets")
    if len(set(addresses)) != len(addresses):
        raise Malformed("addresses: duplicate")


def check_contexts(contexts: tuple[str, ...]) -> None:
    """Refuse, as `Malformed`, trust contexts that are ill-formed or repeated."""
    for context in contexts:
        if not _CONTEXT.fullmatch(context):
            raise Malformed(f"trust context {context!r}: expected A-Z, 0-9 and '-'")
    if len(set(contexts)) != len(contexts):
        raise Malformed("trust contexts: duplicate")
