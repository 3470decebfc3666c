"""Vouchers: `<VA id, 16 hex>.voucher`, CMS in DER, one of each authority that a client would accept (docs/spec, V6)."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Final

from mecai.errors import Malformed
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import sha256
from mecai.protocol.verify.connection import Policy, Presented, examine_path, judge_at
from mecai.sidecar.kinds.kind import FetchTask, Servable, StapleKind
from mecai.sidecar.site import Site
from mecai.sidecar.store import StapleKey
from mecai.vrp.answers import Held
from mecai.vrp.ask import Ask, ask_authority

_NAME: Final = re.compile(r"([0-9a-f]{16})\.voucher")


@dataclass(frozen=True)
class VoucherTask(FetchTask):
    """The voucher of `authority`, asked for by the DER VoucherRequest `request`."""

    kind: "VoucherKind" = field(repr=False)
    authority: Authority
    request: bytes = field(repr=False)

    @cached_property
    def identifier(self) -> str:
        """Another request (another address, say) is another task."""
        return f"{self.key}#{sha256(self.request).hex()[:16]}"

    @property
    def whom(self) -> str:
        """As `FetchTask.whom`."""
        return self.authority.authority.hex()

    def fetch(self, now: datetime) -> bytes | Held:
        """Ask the servers of the authority; raises `RequestRefused`."""
        del now
        return ask_authority(self.authority.servers, self.request, self.kind.ask)


@dataclass(frozen=True)
class VoucherKind(StapleKind):
    """Vouchers, got by `ask` (`mecai.vrp.ask`)."""

    ask: Ask
    word: ClassVar[str] = "voucher"

    def owns(self, name: str) -> bool:
        """As `StapleKind.owns`."""
        return _NAME.fullmatch(name) is not None

    def tasks(self, site: Site, directory: Directory) -> tuple[FetchTask, ...]:
        """Ask each authority that has a server, but no owner of a CA of the chain (V6).

        Raises `Malformed` if the chain is too long for a request.
        """
        owners = directory.owner_groups_of(site.presented, site.path)
        entry = site.entry
        words = (site.chain[0], site.chain[1:], entry.octets, entry.port, entry.server_name, site.succession)
        request = VoucherRequest(*words).encode()
        return tuple(
            VoucherTask(site, authority.name, key_of(site.hash, authority.authority), self, authority, request)
            for authority in directory.authorities
            if authority.servers and authority.owner_group not in owners
        )

    def judge(self, data: bytes, key: StapleKey, site: Site, directory: Directory, now: datetime) -> Servable:
        """Hold a voucher against V1 to V11, once for all addresses; contexts are the clients' own affair."""
        policy = Policy(candidates=(_authority(key),))
        presented = Presented(site.chain, None)
        context = examine_path(presented, site.presented, site.path, directory, policy, now)
        vouched = judge_at(parse_voucher(data), context, site.entry.octets)
        end = min(vouched.next_update, vouched.voucher.authority_certificate.not_valid_after_utc)
        left_out = tuple(address for address in site.entry.octets if address not in vouched.addresses)
        return Servable(vouched.voucher.info.this_update, end, left_out)

    def end(self, data: bytes, key: StapleKey) -> datetime | None:
        """Return the voucher's nextUpdate; raises `Malformed` for a voucher that belongs to another key."""
        info = parse_voucher(data).info
        if (info.certificate_hash, info.authority) != (key.certificate, _authority(key)):
            raise Malformed("stands in the place of another voucher")
        return info.next_update


def key_of(certificate: bytes, authority: bytes) -> StapleKey:
    """Return where the voucher of an authority (its id) for a certificate (its SHA-256) is kept."""
    return StapleKey(certificate, f"{authority.hex()}.voucher")


def _authority(key: StapleKey) -> bytes:
    return bytes.fromhex(key.name.partition(".")[0])
