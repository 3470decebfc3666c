"""Vouchers: VoucherInfo (docs/spec, section 3.2) inside its signed envelope."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

from tests.conformance.parts.der import (
    Fields,
    boolean,
    explicit,
    integer,
    octets,
    oid,
    printable,
    sequence,
    structure,
    time,
)
from tests.conformance.parts.directories import authority_id
from tests.conformance.parts.names import VOUCHER_INFO
from tests.conformance.parts.signed_data import AS_IT_SHOULD_BE, Changes, sign
from tests.conformance.parts.signing import Signer, signer
from tests.conformance.parts.status import Evidence, by_ocsp, ocsp
from tests.pki import NOW, Hierarchy, Issued

ADDRESS = "198.18.0.10"
BEGIN, END = NOW - timedelta(minutes=5), NOW + timedelta(hours=23, minutes=55)
_SERIAL = 0x1F2E3D4C5B6A79880112233445566778


@dataclass(frozen=True)
class Voucher:
    """A DER voucher, the VoucherInfo inside, and the OCSP responses around it."""

    der: bytes
    content: bytes
    responses: tuple[bytes, ...]

    @property
    def hash(self) -> str:
        """The voucher hash (O6)."""
        return hashlib.sha256(self.content).hexdigest()


def voucher(
    authority: Hierarchy,
    site: Issued,
    *,
    info: Fields | None = None,
    evidence: Sequence[Evidence] | None = None,
    enclosed: Sequence[bytes] | None = None,
    status: bytes | None = None,
    by: Signer | None = None,
    changes: Changes = AS_IT_SHOULD_BE,
) -> Voucher:
    """Return the voucher of an authority for a site, good in every respect that no argument changes.

    `info` replaces fields of VoucherInfo; `evidence` what it says about each certificate, `enclosed` the responses that
    travel for it; `status` is the authority's own response; `by` signs; `changes` are those of the envelope.
    """
    by = by or signer(authority.voucher)
    named = evidence if evidence is not None else tuple(map(by_ocsp, issuers(site)))
    content = structure(info_fields(authority, site, named), info or {})
    travelling = [item.response for item in named if item.response] if enclosed is None else enclosed
    responses = (*travelling, ocsp(by.issued) if status is None else status)
    return Voucher(sign(VOUCHER_INFO, content, by, responses, changes), content, responses)


def info_fields(authority: Hierarchy, site: Issued, evidence: Sequence[Evidence]) -> dict[str, bytes]:
    """Return the fields of VoucherInfo in their order."""
    end_entity, *intermediates = (octets(hashlib.sha256(item.der).digest()) for item in issuers(site))
    return {
        "version": integer(1),
        "authority": octets(authority_id(authority)),
        "serialNumber": integer(_SERIAL),
        "certificateHash": end_entity,
        "intermediateHashes": sequence(*intermediates),
        "addresses": addresses(ADDRESS),
        "probedPort": integer(443),
        "thisUpdate": time(BEGIN),
        "nextUpdate": time(END),
        "trustContexts": contexts("MOZ"),
        "intermediatesMatched": boolean(value=True),
        "perspectives": integer(4),
        "statusEvidence": sequence(*(item.entry() for item in evidence)),
        "extensions": b"",
        "more": b"",
    }


def issuers(site: Issued) -> tuple[Issued, ...]:
    """Return the certificates from an end entity up, the root left out."""
    return (site, *issuers(site.issuer)) if site.issuer else ()


def addresses(*texts: str) -> bytes:
    """Return the field of that name; an IPv4-mapped address is written as it stands."""
    return sequence(*(octets(ip_address(text).packed) for text in texts))


def contexts(*names: str) -> bytes:
    """Return the field `trustContexts`."""
    return sequence(*map(printable, names))


def extension(value: bytes = b"", *, critical: bool = False, number: int = 1) -> bytes:
    """Return an Extension that nobody knows."""
    return sequence(oid(f"1.3.6.1.4.1.32473.99.{number}"), boolean(value=critical), octets(value))


def extensions(*items: bytes) -> bytes:
    """Return the field of that name."""
    return explicit(0, sequence(*items))
