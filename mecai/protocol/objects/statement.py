"""What the statements about a certificate have in common: the envelope without evidence, and a version."""

from dataclasses import dataclass, field
from typing import Annotated, Final, Generic, TypeVar

from cryptography.hazmat import asn1

from mecai.errors import Malformed
from mecai.protocol.codec.cms import SignedContent, parse_signed_content
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import HASH_SIZE

VERSION: Final = 1
Hash = Annotated[bytes, asn1.Size.exact(HASH_SIZE)]
Statement = TypeVar("Statement")


@dataclass(frozen=True)
class Signed(Generic[Statement]):
    """A statement as it came; nothing in it is to be believed before its signature is verified."""

    statement: Statement
    signed: SignedContent = field(repr=False)


def parse_statement(encoded: bytes, content_type: str, maximum: int = LIMITS.voucher_size) -> SignedContent:
    """Parse the envelope of a statement, DER, at most as large as a voucher or `maximum`; raises `Malformed`."""
    signed = parse_signed_content(encoded, content_type, maximum)
    require(not signed.ocsp_responses, "crls: must be absent in a statement")
    return signed


def check_version(version: int) -> None:
    """Refuse, as `Malformed`, what is of another version."""
    require(version == VERSION, f"version: {version}, expected {VERSION}")


def require(condition: bool, detail: str) -> None:
    """Refuse, as `Malformed`, what does not fulfil a condition."""
    if not condition:
        raise Malformed(detail)
