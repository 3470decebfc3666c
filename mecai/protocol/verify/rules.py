"""Rules V1 to V11: whether one voucher is to be believed for one connection (docs/spec, "Client").

One function per rule, in the order in which they run; the first that fails raises `VerificationError` with the reason
code and its number. `mecai.protocol.verify.connection` applies them and adds the rules of the connection.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mecai.errors import Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher import Voucher, parse_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.direct import validate_authority
from mecai.protocol.pki.identity import address_text, canonical_address
from mecai.protocol.pki.ocsp import judge_ocsp

NAT64_PREFIX: Final = "64:ff9b::/96"  # RFC 6052 section 2.1
_NAT64_OCTETS: Final = 12  # 96 bits, before the IPv4 address


@dataclass(frozen=True)
class Presented:
    """What the peer showed: chain (DER, end entity first), its address (4 or 16 octets), its OCSP staple (DER)."""

    chain: tuple[bytes, ...]
    peer_address: bytes | None
    staple: bytes | None = None


@dataclass(frozen=True)
class Policy:
    """What this client demands: candidates in its order of preference, how many must vouch, its own contexts (or none).

    `status_age` is how long ago an OCSP response may have been made; `voucher_age` and `crl_age` are the same for a
    voucher and a list of revoked certificates, where this client bounds it. `nat64_prefixes` are IPv6 networks of 96
    bits whose last 32 bits are an IPv4 address.
    """

    candidates: tuple[bytes, ...]
    quorum: int = 1
    contexts: tuple[str, ...] = ()
    max_voucher_lifetime: timedelta = LIMITS.voucher_lifetime
    voucher_age: timedelta | None = None
    clock_skew: timedelta = LIMITS.clock_skew
    status_age: timedelta = LIMITS.status_age
    crl_age: timedelta | None = None
    nat64_prefixes: tuple[str, ...] = (NAT64_PREFIX,)


@dataclass(frozen=True)
class VerificationContext:
    """One connection to judge vouchers for: `path` is the validated one, end entity to root; `owners` its owners."""

    presented: Presented
    path: tuple[x509.Certificate, ...]
    owners: frozenset[str]
    directory: Directory
    policy: Policy
    now: datetime

    @cached_property
    def hashes(self) -> tuple[bytes, ...]:
        """The certificate hash of each certificate of `path`."""
        return tuple(certificate.fingerprint(hashes.SHA256()) for certificate in self.path)


@dataclass(frozen=True)
class Vouched:
    """A voucher that passed every rule, its authority, and the proved status of each certificate, end entity first.

    `next_update` is when it passes no more; `addresses` are those of the peer's addresses for which it passed.
    """

    voucher: Voucher
    authority: Authority
    statuses: tuple[StatusEvidence, ...]
    next_update: datetime
    addresses: tuple[bytes, ...]


def judge_voucher(der: bytes, context: VerificationContext) -> Vouched:
    """Apply V1 to V11 to one DER voucher; raises `VerificationError` from the first rule that fails."""
    return judge_parsed(parse_voucher(der), context)  # V1


def judge_parsed(voucher: Voucher, context: VerificationContext) -> Vouched:
    """Apply V2 to V11 to a voucher that already parsed."""
    return judge_at(voucher, context, (context.presented.peer_address,))


def judge_at(voucher: Voucher, context: VerificationContext, addresses: Sequence[bytes | None]) -> Vouched:
    """Apply V2 to V11 once for a server that has `addresses`, at least one: V9 asks for one of them to be vouched for.

    The first rule that fails decides, in the same order as for one address.
    """
    check_candidate(voucher, context)
    authority, root = check_authority(voucher, context)
    voucher.signed.verify_signature()  # V4
    authority_status_until = check_authority_status(voucher, root, context)
    check_independence(authority, context)
    check_time(voucher, context)
    check_certificates(voucher, context)
    vouched_for = check_addresses(voucher, context.policy, addresses)
    check_contexts(voucher, context)
    statuses = check_evidence(voucher, context)
    ends = (
        _end_of(voucher.info, context.policy.voucher_age),
        authority_status_until,
        *(_end(status, context.policy) for status in statuses),
    )
    certificates = (voucher.authority_certificate.not_valid_after_utc, root.not_valid_after_utc)
    return Vouched(voucher, authority, statuses, min(*ends, *certificates), vouched_for)


def check_candidate(voucher: Voucher, context: VerificationContext) -> None:
    """V2: only authorities that this client asked for; early, because it bounds the work."""
    authority = voucher.info.authority
    if authority not in context.policy.candidates:
        raise VerificationError("not-a-candidate", "V2", f"authority {authority.hex()} was not asked for")


def check_authority(voucher: Voucher, context: VerificationContext) -> tuple[Authority, x509.Certificate]:
    """V3: the directory knows the authority, and the root that its id names issued its certificate."""
    authority = context.directory.find(voucher.info.authority)
    if authority is None:
        detail = f"authority {voucher.info.authority.hex()} is not in the directory"
        raise VerificationError("untrusted-authority", "V3", detail)
    root = validate_authority(voucher.authority_certificate, authority.anchors, context.now)
    if entry := context.directory.distrusted((root,), context.now):
        raise VerificationError("untrusted-authority", "V3", f"{authority.name} is distrusted: {entry.reason}")
    return authority, root


def check_authority_status(voucher: Voucher, root: x509.Certificate, context: VerificationContext) -> datetime:
    """V5: the one enclosed response that is nobody's evidence says that the authority's certificate is good."""
    if not voucher.own_responses:
        raise VerificationError("authority-status", "V5", "no OCSP response for the authority's certificate")
    longest = LIMITS.authority_status_lifetime
    try:
        status = judge_ocsp(
            voucher.own_responses[0], voucher.authority_certificate, root, context.now, max_validity=longest
        )
    except VerificationError as error:
        reason = "authority-revoked" if error.reason == "revoked" else "authority-status"
        raise VerificationError(reason, "V5", error.detail) from error
    return status.until(status.this_update)  # max_validity lets none pass without nextUpdate


def check_independence(authority: Authority, context: VerificationContext) -> None:
    """V6: nobody vouches for his own house."""
    if authority.owner_group in context.owners:
        detail = f"{authority.name} and a CA of the server's chain both belong to {authority.owner_group}"
        raise VerificationError("self-endorsed", "V6", detail)


def check_time(voucher: Voucher, context: VerificationContext) -> None:
    """V7: now lies within the voucher's time, that time is not too long, and it began not too long ago."""
    info, now = voucher.info, context.now
    if info.next_update - info.this_update > context.policy.max_voucher_lifetime:
        raise Malformed(f"valid for longer than {context.policy.max_voucher_lifetime}", "V7")
    if info.this_update > now + context.policy.clock_skew:
        raise VerificationError(
            "not-yet-valid", "V7", f"begins at {info.this_update.isoformat()}, now {now.isoformat()}"
        )
    if info.next_update <= now:
        raise VerificationError("expired", "V7", f"ended at {info.next_update.isoformat()}, now {now.isoformat()}")
    if _end_of(info, context.policy.voucher_age) <= now:
        detail = (
            f"made at {info.this_update.isoformat()}, now {now.isoformat()}: older than {context.policy.voucher_age}"
        )
        raise VerificationError("expired", "V7", detail)


def check_certificates(voucher: Voucher, context: VerificationContext) -> None:
    """V8: it speaks of this end entity, and of every intermediate of the validated path."""
    end_entity, *intermediates = context.hashes[:-1]
    if voucher.info.certificate_hash != end_entity:
        detail = f"vouches for {voucher.info.certificate_hash.hex()}, the server showed {end_entity.hex()}"
        raise VerificationError("certificate-mismatch", "V8", detail)
    for intermediate in intermediates:
        if intermediate not in voucher.info.intermediate_hashes:
            detail = f"does not name intermediate {intermediate.hex()}"
            raise VerificationError("intermediates-mismatch", "V8", detail)


def check_addresses(voucher: Voucher, policy: Policy, addresses: Sequence[bytes | None]) -> tuple[bytes, ...]:
    """V9: return the addresses that the authority probed, or that hold an IPv4 address which it probed."""
    known = [address for address in addresses if address is not None]
    if not known:
        raise VerificationError("address-unknown", "V9", "the peer's address is not known (a proxy lies between)")
    probed = set(voucher.info.addresses)
    if not (
        passed := tuple(address for address in known if {address, unmapped(address, policy.nat64_prefixes)} & probed)
    ):
        met, vouched = (", ".join(map(address_text, each)) for each in (known, voucher.info.addresses))
        raise VerificationError("address-mismatch", "V9", f"connected to {met}, vouched for {vouched}")
    return passed


def check_contexts(voucher: Voucher, context: VerificationContext) -> None:
    """V10: one of the client's own trust contexts, where it has any."""
    wanted, found = context.policy.contexts, voucher.info.trust_contexts
    if wanted and not set(wanted) & set(found):
        detail = f"carries {', '.join(found) or 'none'}, expected one of {', '.join(wanted)}"
        raise VerificationError("context-missing", "V10", detail)


def check_evidence(voucher: Voucher, context: VerificationContext) -> tuple[StatusEvidence, ...]:
    """V11: each non-root certificate of the path is proved good; returns what is to be imported."""
    evidence = {entry.certificate_hash: entry for entry in voucher.info.status_evidence}
    statuses = []
    for name, certificate, issuer in zip(context.hashes, context.path, context.path[1:], strict=False):
        entry = evidence[name]  # V8 and the structure of VoucherInfo make it present
        if entry.method is EvidenceMethod.OCSP:
            response = voucher.responses_by_hash.get(entry.evidence_hash or b"")
            entry = _judge_response(entry, response, certificate, issuer, context)
        else:
            if entry.method is EvidenceMethod.SHORT_LIVED:
                _check_short_lived(certificate)
            _check_window(entry, certificate, context)
        statuses.append(entry)
    return tuple(statuses)


def _judge_response(
    entry: StatusEvidence,
    response: bytes | None,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    context: VerificationContext,
) -> StatusEvidence:
    """Return the entry with the times that the response itself proves."""
    if response is None:
        detail = f"the OCSP response for {certificate.subject.rfc4514_string()} is not enclosed"
        raise VerificationError("status-missing", "V11", detail)
    status = judge_ocsp(response, certificate, issuer, context.now, max_age=context.policy.status_age)
    if status.next_update is None:  # it ends with its entry
        _check_window(replace(entry, this_update=status.this_update), certificate, context)
    return replace(entry, this_update=status.this_update, next_update=status.until(entry.next_update))


def _check_short_lived(certificate: x509.Certificate) -> None:
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime > LIMITS.short_lived_lifetime:
        detail = f"a certificate of {lifetime.days} days is not short-lived"
        raise VerificationError("status-missing", "V11", detail)


def _end(status: StatusEvidence, policy: Policy) -> datetime:
    """Return when a proved status proves nothing more: what was made at a moment also grows too old."""
    ages = {EvidenceMethod.OCSP: policy.status_age, EvidenceMethod.CRL: policy.crl_age}
    return _end_of(status, ages.get(status.method))


def _end_of(made: StatusEvidence | VoucherInfo, age: timedelta | None) -> datetime:
    """Return when something ends that may have an age, too, if it is bounded."""
    return made.next_update if age is None else min(made.next_update, made.this_update + age)


def _check_window(entry: StatusEvidence, certificate: x509.Certificate, context: VerificationContext) -> None:
    end = _end_of(entry, context.policy.crl_age if entry.method is EvidenceMethod.CRL else None)
    if entry.this_update > context.now + context.policy.clock_skew or end <= context.now:
        detail = (
            f"status of {certificate.subject.rfc4514_string()} holds from {entry.this_update.isoformat()} "
            f"to {end.isoformat()}, now {context.now.isoformat()}"
        )
        raise VerificationError("status-stale", "V11", detail)


def unmapped(address: bytes, nat64_prefixes: Iterable[str]) -> bytes:
    """Return the IPv4 address inside an IPv4-mapped or NAT64 address, any other unchanged."""
    if address[:_NAT64_OCTETS] in map(_prefix_octets, nat64_prefixes):
        return address[_NAT64_OCTETS:]
    return canonical_address(address)


@cache
def _prefix_octets(prefix: str) -> bytes:
    return ipaddress.IPv6Network(prefix).network_address.packed[:_NAT64_OCTETS]
