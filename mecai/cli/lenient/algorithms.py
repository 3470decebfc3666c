"""Algorithm identifiers of a voucher's signer, held against K3 and O3."""

from collections.abc import Iterator
from typing import Final

from asn1crypto.algos import RSASSAPSSParams
from asn1crypto.core import ObjectIdentifier

from mecai.cli.lenient.tree import OID, Node, Part

_DIGESTS: Final = {f"2.16.840.1.101.3.4.2.{arc}": name for arc, name in ((1, "sha256"), (2, "sha384"), (3, "sha512"))}
_ECDSA: Final = {f"1.2.840.10045.4.3.{arc}": name for arc, name in ((2, "sha256"), (3, "sha384"), (4, "sha512"))}
_RSA: Final = {f"1.2.840.113549.1.1.{arc}": name for arc, name in ((11, "sha256"), (12, "sha384"), (13, "sha512"))}
_PSS: Final = "1.2.840.113549.1.1.10"
_SALTS: Final = {"sha256": 32, "sha384": 48, "sha512": 64}  # octets


def dotted(node: Node) -> str:
    """Return the text of an object identifier, or what is wrong with it."""
    if node.tag != OID:
        return f"no object identifier at octet {node.offset}"
    try:
        return str(ObjectIdentifier.load(node.octets).dotted)
    except ValueError:
        return f"an object identifier that cannot be read at octet {node.offset}"


def algorithm(identifier: Node) -> str:
    """Return the name that an AlgorithmIdentifier has."""
    return dotted(identifier.children[0]) if identifier.children else "none"


def digest_faults(digest: Node) -> Iterator[Part]:
    """Say where a digest is none of O3."""
    if len(digest.children) > 1:
        yield Part(digest.offset, "O3", "a digest with parameters")
    if algorithm(digest) not in _DIGESTS:
        yield Part(digest.offset, "O3", "a digest that is none of SHA-256, SHA-384 and SHA-512")


def signature_faults(signature: Node, digests: list[Node]) -> Iterator[Part]:
    """Say where a signature's algorithm is none of K3, or its digest not that of `digests` (O3)."""
    name, parameters = algorithm(signature), signature.children[1:]
    if name not in _ECDSA | _RSA and name != _PSS:
        yield Part(signature.offset, "K3", f"a signature algorithm that is none of K3: {name}")
        return
    digest = (_ECDSA | _RSA).get(name) or _digest_of_pss(parameters)
    allowed = [[], [b"\x05\0"]] if name in _RSA else [[]]  # RFC 4055 section 5: with NULL and without
    if not (digest if name == _PSS else [each.octets for each in parameters] in allowed):
        yield Part(signature.offset, "K3", f"parameters of {name} that are none of K3")
    if digest and any(_DIGESTS.get(algorithm(each)) != digest for each in digests):
        yield Part(signature.offset, "O3", f"a signature over {digest}, and other digests named beside it")


def _digest_of_pss(parameters: tuple[Node, ...]) -> str | None:
    """Return the digest of PSS parameters that are written as K3 has them."""
    for digest, salt in _SALTS.items():
        if [each.octets for each in parameters] == [_pss(digest, salt)]:
            return digest
    return None


def _pss(digest: str, salt: int) -> bytes:
    hashed = {"algorithm": digest}  # asn1crypto writes the NULL of its parameters
    mask = {"algorithm": "mgf1", "parameters": hashed}
    fields = {"hash_algorithm": hashed, "mask_gen_algorithm": mask, "salt_length": salt}
    return bytes(RSASSAPSSParams(fields).dump())
