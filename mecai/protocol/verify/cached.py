"""Which of its cached vouchers a client names to a server (docs/spec, C5): those that it would take there.

A server leaves out what a client says it has (T6). One that the client then refuses would be missing again at every
further attempt, so what fails a rule that can be asked beforehand is not named. V6, V8 and V11 need the server's chain.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from mecai.errors import VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.voucher import Voucher
from mecai.protocol.verify.rules import (
    Policy,
    Presented,
    VerificationContext,
    check_addresses,
    check_authority,
    check_authority_status,
    check_candidate,
    check_contexts,
    check_time,
)


def worth_naming(
    held: Sequence[Voucher], peer_address: bytes | None, directory: Directory, policy: Policy, now: datetime
) -> tuple[Voucher, ...]:
    """Return those of `held`, in their order, that pass V2 to V5, V7, V9 and V10 for this peer and go on for a while.

    At most as many as fit the extension, none twice. `peer_address` None: it is not known, so none passes V9.
    """
    context = VerificationContext(Presented((), peer_address), (), frozenset(), directory, policy, now)
    found = {voucher.hash: voucher for voucher in _passing(held, context)}
    return tuple(found.values())[: LIMITS.cached_vouchers]


def _passing(held: Sequence[Voucher], context: VerificationContext) -> Iterable[Voucher]:
    for voucher in held:
        with suppress(VerificationError):
            check_candidate(voucher, context)
            _, root = check_authority(voucher, context)
            voucher.signed.verify_signature()  # V4
            check_authority_status(voucher, root, context)
            check_time(voucher, context)
            check_addresses(voucher, context.policy, (context.presented.peer_address,))
            check_contexts(voucher, context)
            if voucher.info.next_update - context.now >= LIMITS.cached_left:
                yield voucher
