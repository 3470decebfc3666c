"""Where no address showed the certificate, the refusal says what was seen instead (docs/spec P6, R7)."""

from typing import Final

from mecai.probing.corroborate import Corroboration, ProbeOutcome, ProbeResult
from mecai.protocol.pki.identity import address_text
from mecai.vas.refusal import Code, Refusal

_CODES: Final = {
    ProbeOutcome.ANOTHER_CERTIFICATE: Code.CERTIFICATE_MISMATCH,
    ProbeOutcome.HANDSHAKE_FAILED: Code.HANDSHAKE_FAILED,
    ProbeOutcome.UNREACHABLE: Code.UNREACHABLE,
}


def require_agreement(found: Corroboration) -> None:
    """Let pass what at least one address agreed to; raises `Refusal` with the gravest kind of failure."""
    if found.addresses:
        return
    failures = found.gravest
    detail = "; ".join(dict.fromkeys(detail for each in failures for detail in each.details))
    seen = [entry for each in failures for entry in _seen(each)]
    raise Refusal(_CODES[failures[0].outcome], detail, extra={"seen": seen} if seen else None)


def _seen(result: ProbeResult) -> list[dict[str, str | None]]:
    address = address_text(result.address)
    return [{"address": address, "certificateHash": octets.hex() if octets else None} for octets in result.seen]
