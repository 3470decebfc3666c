"""The sidecar's judgement: by the very rules of a client (`mecai.protocol.verify`), before anything is laid or kept.

A client accepts a voucher for one address, and a server may have several. So a voucher is good for those of the
configured addresses for which a client would accept it, and of no use if that is none.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.x509 import ocsp

from mecai.errors import Malformed, VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.ocsp import judge_ocsp
from mecai.protocol.verify.connection import Policy, Presented, verify_voucher
from mecai.sidecar.site import Site
from mecai.sidecar.store import StapleKey


@dataclass(frozen=True)
class Good:
    """Something that may be served until `next_update`; a voucher: for these addresses."""

    this_update: datetime
    next_update: datetime
    addresses: frozenset[bytes] = frozenset()


def judge(data: bytes, place: StapleKey, site: Site, directory: Directory, now: datetime) -> Good:
    """Judge a voucher or a staple that is to lie at `place`; raises `VerificationError`."""
    if place.authority is not None:
        return _judge_voucher(data, place.authority, site, directory, now)
    if len(data) > LIMITS.ocsp_staple_size:
        detail = f"OCSP response of {len(data)} octets, at most {LIMITS.ocsp_staple_size} can be stapled"
        raise VerificationError("status-missing", "V11", detail)
    # A staple without nextUpdate, or one for very long, tells a client little: not served.
    status = judge_ocsp(data, site.path[0], site.path[1], now, max_validity=LIMITS.status_age)
    return Good(status.this_update, status.next_update or status.this_update)


def _judge_voucher(data: bytes, authority: bytes, site: Site, directory: Directory, now: datetime) -> Good:
    """Hold a voucher against V1 to V11 for each address; contexts are the clients' own affair."""
    policy = Policy(candidates=(authority,))
    accepted, refusals = {}, []
    for address in site.entry.octets:
        try:
            accepted[address] = verify_voucher(data, Presented(site.chain, address), directory, policy, now)
        except VerificationError as error:
            refusals.append(error)
    if not accepted:
        raise refusals[0]
    vouched = next(iter(accepted.values()))
    return Good(vouched.voucher.info.this_update, vouched.next_update, frozenset(accepted))


def require_unexpired(data: bytes, place: StapleKey, now: datetime) -> None:
    """Hold what lies at `place` against its place and the time alone: for a certificate that is no longer configured.

    A server that still shows it, or shows it again, may go on with what was judged when it was laid. Raises
    `VerificationError`.
    """
    if place.authority is None:
        next_update = _staple_end(data)
    else:
        info = parse_voucher(data).info
        if (info.certificate_hash, info.authority) != (place.certificate, place.authority):
            raise Malformed("lies at the place of another voucher")
        next_update = info.next_update
    if next_update is None or next_update <= now:
        raise VerificationError("expired", "V7", f"ended at {next_update}")


def _staple_end(data: bytes) -> datetime | None:
    try:
        return ocsp.load_der_ocsp_response(data).next_update_utc
    except ValueError as error:
        raise Malformed(f"no OCSP response ({error})") from error
