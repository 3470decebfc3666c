"""What the signer signs: a VoucherInfo or an ExpediteStatement of its own VA, of now, for as long as is allowed.

It cannot know whether a probe has found what a voucher says. It does see to the rest: nothing else is ever signed with
this key (docs/spec K4), nothing before its time, and nothing that outlives its bounds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509

from mecai.errors import Malformed
from mecai.protocol.objects.expedite import ExpediteStatement
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.identity import address_text
from mecai.vas.signing.wire import Purpose

AGE: Final = timedelta(minutes=2)  # that what is to be signed may have: a request's work takes 30 s at most


@dataclass(frozen=True)
class Rules:
    """The rules of a VA, by its id, whose vouchers live for `lifetime` at most."""

    authority: bytes
    lifetime: timedelta

    def require(self, purpose: Purpose, content: bytes, certificate: x509.Certificate, now: datetime) -> dict[str, Any]:
        """Judge what `certificate`'s key is to sign; return what the log is told of it. Raises `Malformed`."""
        match purpose:
            case Purpose.VOUCHER:
                return self._voucher(VoucherInfo.decode(content), certificate, now)
            case Purpose.EXPEDITE:
                return _statement(ExpediteStatement.decode(content), now)
            case Purpose.READY:
                raise Malformed("nothing to be signed")

    def _voucher(self, info: VoucherInfo, certificate: x509.Certificate, now: datetime) -> dict[str, Any]:
        if info.authority != self.authority:
            raise Malformed("authority: is not this VA")
        if info.extensions:
            raise Malformed("extensions: version 1 has none")
        _require_recent("thisUpdate", info.this_update, now)
        if info.next_update - info.this_update > self.lifetime:
            raise Malformed(f"nextUpdate: {info.next_update - info.this_update} after thisUpdate, over {self.lifetime}")
        if info.next_update > certificate.not_valid_after_utc:
            raise Malformed("nextUpdate: is after the end of the VA's certificate")
        return {
            "serialNumber": f"{info.serial_number:x}",
            "certificate": info.certificate_hash.hex(),
            "addresses": [address_text(each) for each in info.addresses],
            "until": info.next_update.isoformat(),
        }


def _statement(statement: ExpediteStatement, now: datetime) -> dict[str, Any]:
    _require_recent("issuedAt", statement.issued_at, now)
    return {"certificate": statement.certificate_hash.hex(), "until": statement.expires_at.isoformat()}


def _require_recent(what: str, moment: datetime, now: datetime) -> None:
    if not now - AGE <= moment <= now:
        raise Malformed(f"{what}: {moment.isoformat()}, expected the last {AGE.seconds} s before {now.isoformat()}")
