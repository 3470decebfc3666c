"""Everything that is remembered from one verification to the next, to be forgotten by a benchmark."""

from typing import Final

from mecai.client import VoucherContext
from mecai.client.verdict import is_readable
from mecai.protocol import selection
from mecai.protocol.codec import signed_attributes
from mecai.protocol.objects import authorities
from mecai.protocol.pki import algorithms, authority_profile, certificates, direct, identity, ocsp, ocsp_signature

_REMEMBERED: Final = (
    certificates._parse,  # noqa: SLF001 - private, and yet to be forgotten here
    signed_attributes.names_of,
    algorithms.verify_with,
    authority_profile.check_authority_profile,
    authorities.issued_by,
    identity.address_octets,
    identity.spki_der,
    identity.spki_hash,
    selection.registrable_domain,
    ocsp.calls_revoked,
    ocsp._issuer_hashes,  # noqa: SLF001
    ocsp._parse,  # noqa: SLF001
    ocsp_signature._basic,  # noqa: SLF001
    ocsp_signature._key_hash,  # noqa: SLF001
    ocsp_signature.critical_extensions,
)


def forget() -> None:
    """Forget what the protocol remembers."""
    for remembered in _REMEMBERED:
        remembered.cache_clear()
    direct._ISSUERS.clear()  # noqa: SLF001


def forget_connections(context: VoucherContext) -> None:
    """Forget what a client remembers of its connections."""
    is_readable.cache_clear()
    context._passed.clear()  # noqa: SLF001
    context._verified.clear()  # noqa: SLF001
    context.chooser.forget()
