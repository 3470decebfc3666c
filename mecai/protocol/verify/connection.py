"""The verdict on a connection: rules C1 to C4 over the vouchers that `mecai.protocol.verify.rules` judges by V1 to V11.

The only judge in this project (docs/spec, "Client"): clients, sidecars and tools call it with their own policy. Every
refusal is a `VerificationError` with reason code and rule. No clock and no network: the time and everything that the
peer presented are arguments.

Order: the chain must be valid at all, for the other rules speak of its path (C4: `untrusted`, `distrusted`); a validly
signed `revoked` anywhere ends it (E6); there must be a voucher (C1: `no-voucher`); enough vouchers of distinct owner
groups must pass (C2: `quorum`), and where none does, the reason is the first failing candidate's in the client's order
(C3).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from mecai.errors import Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki import certificates
from mecai.protocol.pki.ocsp import calls_revoked, judge_ocsp
from mecai.protocol.pki.path import validate_chain
from mecai.protocol.verify.rules import (
    NAT64_PREFIX,
    Policy,
    Presented,
    VerificationContext,
    Vouched,
    judge_at,
    judge_parsed,
    judge_voucher,
)

__all__ = [
    "NAT64_PREFIX",
    "Accepted",
    "Policy",
    "Presented",
    "Vouched",
    "examine",
    "examine_path",
    "judge_at",
    "verify_connection",
    "verify_voucher",
]


@dataclass(frozen=True)
class Accepted:
    """A connection that may go on: who vouched, and the validated path.

    `until` is when the same would perhaps be refused: before that, and not before it was accepted, every rule says the
    same of it again.
    """

    vouched: tuple[Vouched, ...]
    chain: tuple[x509.Certificate, ...]
    until: datetime


def verify_voucher(der: bytes, presented: Presented, directory: Directory, policy: Policy, now: datetime) -> Vouched:
    """Judge one DER voucher by V1 to V11, with no server name to check; raises `VerificationError`."""
    return judge_voucher(der, examine(presented, directory, policy, None, now))


def verify_connection(  # noqa: PLR0917 these are the six things that a verdict depends on
    vouchers: Sequence[bytes],
    presented: Presented,
    directory: Directory,
    policy: Policy,
    server_name: str | None,
    now: datetime,
) -> Accepted:
    """Judge a connection to `server_name` (host name or IP address); raises `VerificationError`.

    `vouchers` are DER, those of the handshake and cached ones alike.
    """
    context = examine(presented, directory, policy, server_name, now)
    if presented.staple is not None:
        _refuse_revoked((presented.staple,), context)
    if not vouchers:
        raise VerificationError("no-voucher", "C1", "the server sent no voucher")
    vouched = _judge_all(vouchers, context)
    owners = {entry.authority.owner_group for entry in vouched}
    if len(owners) < policy.quorum:
        raise VerificationError("quorum", "C2", f"{len(owners)} independent vouchers, {policy.quorum} required")
    return Accepted(vouched, context.path, _end(vouchers, vouched, context))


def _end(vouchers: Sequence[bytes], vouched: Sequence[Vouched], context: VerificationContext) -> datetime:
    """Return when the first of those ends that an acceptance rests upon: vouchers, certificates, the directory's word.

    At once where more came than passed, or any response calls anything revoked: what does not count now may soon.
    """
    staple = () if context.presented.staple is None else (context.presented.staple,)
    responses = itertools.chain(staple, *(entry.voucher.ocsp_responses for entry in vouched))
    if len(vouched) < len(vouchers) or any(map(calls_revoked, responses)):
        return context.now
    chain = map(certificates.load, context.presented.chain)  # another one of it that begins may make another path
    _, end = certificates.unchanged((*chain, *context.path), context.now)
    return min(end, context.directory.says_until(context.now), *(entry.next_update for entry in vouched))


def examine(
    presented: Presented, directory: Directory, policy: Policy, server_name: str | None, now: datetime
) -> VerificationContext:
    """Validate the chain against the directory's roots and find its owners (C4); raises `VerificationError`."""
    chain = _load_chain(presented)
    path = validate_chain(chain[0], chain[1:], directory.anchors, server_name, now)
    return examine_path(presented, chain, path, directory, policy, now)


def examine_path(  # noqa: PLR0917 - `examine`, but for a path that is already known to be valid
    presented: Presented,
    chain: Sequence[x509.Certificate],
    path: Sequence[x509.Certificate],
    directory: Directory,
    policy: Policy,
    now: datetime,
) -> VerificationContext:
    """Refuse a valid path through a CA that is distrusted or not listed, and find its owners (the rest of rule C4).

    `chain` is `presented.chain`, parsed. For whoever judges many vouchers for one server: the path is validated once.
    """
    if entry := directory.distrusted(path, now):
        raise VerificationError("distrusted", "C4", f"a CA of the server's chain is distrusted: {entry.reason}")
    owners = directory.owner_groups_of(chain, path)
    return VerificationContext(presented, tuple(path), owners, directory, policy, now)


def _load_chain(presented: Presented) -> list[x509.Certificate]:
    if not 0 < len(presented.chain) <= LIMITS.chain_length:
        detail = f"{len(presented.chain)} certificates presented, expected 1..{LIMITS.chain_length}"
        raise VerificationError("untrusted", "C4", detail)
    try:
        return [certificates.load(der) for der in presented.chain]
    except Malformed as error:
        raise VerificationError("untrusted", "C4", f"the server's chain: {error.detail}") from error


def _judge_all(vouchers: Sequence[bytes], context: VerificationContext) -> tuple[Vouched, ...]:
    """Return the vouchers that pass; raises C3's reason when none does, and `revoked` from any."""
    vouched: list[Vouched] = []
    failures: list[tuple[int, VerificationError]] = []
    order = {authority: rank for rank, authority in enumerate(context.policy.candidates)}
    last = len(order)  # malformed vouchers and those of authorities that were not asked for come after all candidates
    for der in vouchers:
        try:
            voucher = parse_voucher(der)
        except Malformed as error:
            failures.append((last, error))
            continue
        rank = order.get(voucher.info.authority, last)
        if rank < last:
            _refuse_revoked(voucher.ocsp_responses, context)
        try:
            vouched.append(judge_parsed(voucher, context))
        except VerificationError as error:
            failures.append((rank, error))
    if not vouched:
        raise min(failures, key=lambda failure: failure[0])[1]
    return tuple(vouched)


def _refuse_revoked(responses: Sequence[bytes], context: VerificationContext) -> None:
    """Refuse at once what any enclosed or stapled response validly calls revoked (rule E6)."""
    for response in filter(calls_revoked, responses):
        for certificate, issuer in zip(context.path, context.path[1:], strict=False):
            try:
                judge_ocsp(response, certificate, issuer, context.now)
            except VerificationError as error:
                if error.reason == "revoked":
                    raise
