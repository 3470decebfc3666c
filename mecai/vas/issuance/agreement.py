"""Where no address showed the certificate, the refusal says what was seen instead (docs/spec P6, R7).

Of what was not seen it says as little as the code: closed, filtered, silent and talkative targets read the same, so
that nobody scans ports with a VAS (docs/spec, section 10). The log has the cause.
"""

from typing import Final

from mecai.probing.corroborate import Corroboration, ProbeOutcome, ProbeResult
from mecai.protocol.pki.identity import address_text
from mecai.vas.refusal import Code, Refusal

_ANSWERS: Final = {
    ProbeOutcome.ANOTHER_CERTIFICATE: (Code.CERTIFICATE_MISMATCH, "shows another certificate than the expected one"),
    ProbeOutcome.HANDSHAKE_FAILED: (
        Code.HANDSHAKE_FAILED,
        "made no complete handshake of TLS 1.2 or 1.3, by ECDHE, with this VA",
    ),
    ProbeOutcome.UNREACHABLE: (Code.UNREACHABLE, "could not be reached by this VA"),
}


def require_agreement(found: Corroboration) -> None:
    """Let pass what at least one address agreed to; raises `Refusal` with the gravest kind of failure."""
    if found.addresses:
        return
    failures = found.gravest
    code, words = _ANSWERS[failures[0].outcome]
    detail = "; ".join(f"{address_text(each.address)}: {words}" for each in failures)
    cause = "; ".join(dict.fromkeys(detail for each in found.results for detail in each.details))
    seen = [entry for each in failures for entry in _seen(each)]
    raise Refusal(code, detail, extra={"seen": seen} if seen else None, cause=cause)


def _seen(result: ProbeResult) -> list[dict[str, str | None]]:
    address = address_text(result.address)
    return [{"address": address, "certificateHash": octets.hex() if octets else None} for octets in result.seen]
