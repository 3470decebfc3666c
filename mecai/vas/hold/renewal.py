"""Renewal and succession (docs/spec H5, H6): the certificate of a server that the log has known for long enough.

Either has the predecessor's key, or the predecessor's key says of it that it follows. All else is the same: what the
predecessor was, the new one is too, and no more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.errors import VerificationError
from mecai.evidence.collector import COLLECT_SECONDS
from mecai.protocol.objects.succession import check_succession, parse_succession
from mecai.protocol.pki.identity import spki_hash
from mecai.service.deadline import Deadline
from mecai.vas.hold.first_seen import StillHeld, hold_end
from mecai.vas.refusal import Refusal
from mecai.vas.storage.certificates import CertificateLog, Logged
from mecai.vas.trust.contexts import Trust, Trusted

_PREDECESSORS: Final = 5  # of one key, the newest: each may cost a question to a responder


@dataclass(frozen=True)
class Predecessors:
    """What it takes to find a predecessor in the log and to judge it; `collect` tells the status of a path."""

    span: timedelta  # of a hold
    log: CertificateLog
    trust: Trust
    collect: Callable[[Sequence[x509.Certificate], datetime], object]

    def require_renewal(self, new: Trusted, now: datetime, deadline: Deadline) -> None:
        """Find a predecessor with the same key (H5); raises `StillHeld`."""
        end_entity = new.path[0]
        known = self.log.with_key(spki_hash(end_entity), 1 + _PREDECESSORS)
        older = [each for each in known if each.chain[0] != end_entity]
        failure = StillHeld("the log has no other certificate of this key")
        for predecessor in older:
            try:
                return self._require(predecessor, new, now, deadline)
            except StillHeld as error:
                failure = error
        raise failure

    def require_succession(self, encoded: bytes, new: Trusted, now: datetime, deadline: Deadline) -> None:
        """Find the predecessor that a statement of its own key names (H6); raises `StillHeld`."""
        try:
            signed = parse_succession(encoded)
            check_succession(signed, new.path[0], now)
            predecessor = self.log.find(signed.statement.old)
            if predecessor is None:
                raise StillHeld("oldCertificateHash: the log does not know that certificate")
            signed.signed.verify_signature()  # after the log was asked: a stranger's own key is not worked with
        except VerificationError as error:
            raise StillHeld(error.detail) from error
        self._require(predecessor, new, now, deadline)

    def _require(self, predecessor: Logged, new: Trusted, now: datetime, deadline: Deadline) -> None:
        if predecessor.disputed:
            raise StillHeld("the predecessor is disputed")
        if hold_end(predecessor, self.span, now) is not None:
            raise StillHeld("the predecessor is on hold itself")
        if alternative_names(new.path[0]) - alternative_names(predecessor.chain[0]):
            raise StillHeld("the predecessor has not every name of the certificate")
        try:
            # Whoever asked first chose the intermediates in the log: what the new one came with counts, too.
            old = self.trust.judge((*predecessor.chain, *new.path[1:-1]), now)
            if not new.issuer_owners <= old.issuer_owners:
                raise StillHeld("the predecessor was issued by a CA of another owner")
            if deadline.left() < COLLECT_SECONDS:  # R4: who asks has his answer in time, and may ask again
                raise StillHeld("the predecessor: no time is left to ask for its status")
            self.collect(old.path, now)
        except (Refusal, VerificationError) as error:
            raise StillHeld(f"the predecessor: {error.detail}") from error


def alternative_names(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    """Return the subject alternative names, DNS names in lower case."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(x509.DNSName(name.value.lower()) if isinstance(name, x509.DNSName) else name for name in names)
