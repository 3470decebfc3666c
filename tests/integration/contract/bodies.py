"""Bodies that pass decoding: each is made of what is real, one of its fields or octets perhaps of something else.

No address in them leads off this host: what is not of loopback is in a network that a VAS refuses to contact.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import strategies as st

from mecai.errors import MecaiError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.expedite import ExpediteStatement
from mecai.protocol.objects.incident import Incident, Kind
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.succession import Succession
from mecai.protocol.pki.identity import address_octets, hash_of
from mecai.reasons import REASONS
from tests.integration.contract.material import Material
from tests.integration.vouching import PORT

Body = st.SearchStrategy[bytes]
Document = st.SearchStrategy[dict[str, Any]]
TEXT: Final = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=LIMITS.reason_length)
REFUSED: Final = ("0.0.0.1", "10.1.2.3", "192.0.2.1", "224.0.0.1", "::1", "fc00::1", "2001:db8::1", "::ffff:10.0.0.1")
NOBODY: Final = "127.76.0.1"  # of loopback, where nobody listens
PUBLIC: Final = ("1.1.1.1", "2606:4700:4700::1111")  # reported, never contacted
HASHES: Final = st.binary(min_size=32, max_size=32)
_DAY, _SOON = timedelta(days=1), timedelta(minutes=1)
SECONDS: Final = st.integers(-4 * 86_400, 600).map(lambda seconds: timedelta(seconds=seconds))


@dataclass(frozen=True)
class Bodies:
    """Strategies for each body that a VAS takes."""

    material: Material

    @property
    def good(self) -> dict[str, list[Any]]:
        """Give what is accepted, by operation: what one answer leads to, another can follow.

        Two reports, since the first page leads to a second one; a request for what the objection is to.
        """
        return {
            "POST /v1/vouchers": [
                self._request(each).encode() for each in (self.material.site, self.material.disputed)
            ],
            "POST /v1/complaints": [self._objection()],
            "POST /v1/reports": [replace(self._report(), address=address_octets(each)).members() for each in PUBLIC],
        }

    @property
    def examples(self) -> dict[str, list[Any]]:
        """Give bodies by operation that are tried always: what comes of each shall not be a matter of chance."""
        notice, old = (
            self.material.report_signer.notice(Incident(self.material.authority, Kind.CA, bytes(32), when, "known"))
            for when in (_now(), _now() - 2 * LIMITS.passed_on_age)
        )
        elsewhere = replace(self._request(self.material.site), addresses=(address_octets(REFUSED[0]),)).encode()
        fresh, stale = (self._expedite(hash_of(self.material.site[0]), _now() - ago) for ago in (_SOON, 4 * _DAY))
        return {
            "POST /v1/vouchers": [*(self._request(chain).encode() for chain in self.material.chains), elsewhere, b"0"],
            "POST /v1/expedites": [fresh, stale, b"0"],
            "POST /v1/reports": [replace(self._report(), chain=tuple(each)).members() for each in self.material.chains],
            "POST /v1/incidents": [notice, old, b"0"],
            "POST /v1/complaints": [self._objection() | {"certificate": each} for each in ("0" * 70_000, "00" * 32)],
        }

    def requests(self) -> Body:
        """Make requests for a voucher: mostly good ones."""
        good = self._request(self.material.site)
        addresses = _octets(self.material.server, NOBODY, *REFUSED)
        fields = {
            "addresses": st.lists(addresses, min_size=1, max_size=4, unique=True).map(tuple),
            "port": st.sampled_from([443, 993, 1, 1023]),
            "server_name": st.sampled_from(["www.example.test", "disputed.example.test", "example.test", "a.test"]),
            "succession": self._successions(),
        }
        chained = st.sampled_from(self.material.chains).map(self._request)
        made = st.one_of(chained, chained, _changed(st.just(good), fields))
        return made.map(VoucherRequest.encode).flatmap(_perhaps_spoiled)

    def expedites(self) -> Body:
        """Make statements of another VA that a certificate need not wait."""

        def made(name: bytes, ago: timedelta, reason: str) -> bytes:
            return self._expedite(name, _now() + ago, reason)

        return st.builds(made, self._named() | HASHES, SECONDS, TEXT).flatmap(_perhaps_spoiled)

    def incidents(self) -> Body:
        """Make notices of another VA."""
        signer = self.material.report_signer

        def made(kind: Kind, subject: bytes, ago: timedelta, reason: str) -> bytes:
            return signer.notice(Incident(self.material.authority, kind, subject, _now() + ago, reason))

        return st.builds(made, st.sampled_from(Kind), self._named() | HASHES, SECONDS, TEXT).flatmap(_perhaps_spoiled)

    def passed_on(self) -> Body:
        """Make reports as another VA passes them on."""
        return self._reports().map(self.material.report_signer.pass_on).flatmap(_perhaps_spoiled)

    def reports(self) -> Document:
        """Make reports of clients."""
        return st.builds(
            lambda report, text: report.members() | ({"text": text} if text else {}), self._reports(), st.none() | TEXT
        )

    def complaints(self) -> Document:
        """Make objections to what is, or is not, in the log."""
        named = self._named().map(bytes.hex)
        domains = st.sampled_from(["www.example.test", "DISPUTED.example.test", "example.test", "a..b", "*.", "-"])
        return st.just(self._objection()) | st.fixed_dictionaries({"certificate": named, "domain": domains})

    def _expedite(self, name: bytes, issued: datetime, reason: str = "known") -> bytes:
        return ExpediteStatement(name, issued, issued + _DAY, reason).sign(*self.material.voucher_signer)

    def _objection(self) -> dict[str, Any]:
        """Return the one that the DNS proves."""
        return {"certificate": hash_of(self.material.disputed[0]).hex(), "domain": "disputed.example.test"}

    def _report(self) -> Report:
        chain, address = tuple(self.material.site), address_octets(PUBLIC[0])
        return Report(chain, address, 443, _now(), Verdict.REFUSED, "no-voucher")

    def _reports(self) -> st.SearchStrategy[Report]:
        reasons = st.sampled_from(sorted(REASONS))
        chains = st.sampled_from(self.material.chains).map(tuple)
        fields = {
            "chain": chains,
            "address": _octets(*PUBLIC, *REFUSED),
            "port": st.integers(1, 65535),
            "time": SECONDS.map(lambda ago: _now() + ago),
            "verdict": st.sampled_from([Verdict.WARNED, Verdict.REFUSED]),
            "reason": reasons,
        }
        return _changed(st.just(self._report()), fields)

    def _request(self, chain: Sequence[Any]) -> VoucherRequest:
        encoded = [each.public_bytes(Encoding.DER) for each in chain]
        return VoucherRequest(encoded[0], tuple(encoded[1:]), (address_octets(self.material.server),), PORT)

    def _successions(self) -> Body:
        """Make statements that the site's certificate follows another one, by whoever."""
        sign = self.material.voucher_signer
        new = hash_of(self.material.site[0])
        return st.builds(lambda old, ago: Succession(old, new, _now() + ago).sign(*sign), HASHES, SECONDS)

    def _named(self) -> Body:
        return st.sampled_from([hash_of(chain[0]) for chain in self.material.chains])


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _octets(*addresses: str) -> Body:
    return st.sampled_from([ipaddress.ip_address(each).packed for each in addresses])


def _changed(good: st.SearchStrategy[Any], fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Change some fields of a value; `good` itself where they do not go together."""

    def change(value: Any, changes: dict[str, Any]) -> Any:
        try:
            return replace(value, **changes)
        except MecaiError:
            return value

    return st.builds(change, good, st.fixed_dictionaries({}, optional=fields))


def _perhaps_spoiled(good: bytes) -> Body:
    """Leave octets as they are, mostly; or change one, leave some out at the end, or add some."""
    spoils: list[Callable[[int, int], bytes]] = [
        lambda place, octet: good[:place] + bytes([octet]) + good[place + 1 :],
        lambda place, _octet: good[:place],
        lambda _place, octet: good + bytes([octet]),
    ]
    spoiled = st.builds(
        lambda spoil, place, octet: spoil(place, octet),
        st.sampled_from(spoils),
        st.integers(0, len(good) - 1),
        st.integers(0, 255),
    )
    return st.one_of(st.just(good), st.just(good), spoiled)


def strange_members(document: dict[str, Any]) -> Document:
    """Put something strange in the place of one member."""
    strange = st.sampled_from(["", "\0", "x" * 70_000, 0, -1, 1e308, 10**400, None, True, [], {}])
    return st.builds(lambda name, value: document | {name: value}, st.sampled_from(sorted(document)), strange)
