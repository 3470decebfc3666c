"""OCSP staples: `ocsp.der`, an OCSPResponse in DER, asked of the responder that the certificate names."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final

from cryptography.x509 import ocsp

from mecai.errors import Malformed, VerificationError
from mecai.evidence import Fetch, by_ocsp, ocsp_urls
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki import certificates
from mecai.protocol.pki.ocsp import judge_ocsp
from mecai.sidecar.kinds.kind import FetchTask, Servable, StapleKind
from mecai.sidecar.site import Site
from mecai.sidecar.store import StapleKey

_NAME: Final = "ocsp.der"


@dataclass(frozen=True)
class OcspTask(FetchTask):
    """The status of a site's certificate."""

    kind: "OcspKind" = field(repr=False)

    @property
    def whom(self) -> str:
        """The first responder that the certificate names."""
        return ocsp_urls(self.site.path[0])[0]

    def fetch(self, now: datetime) -> bytes:
        """Ask the responder; raises `VerificationError` or `FetchError`."""
        return by_ocsp(self.site.path[0], self.site.path[1], now, self.kind.through).response or b""


@dataclass(frozen=True)
class OcspKind(StapleKind):
    """OCSP staples, fetched `through` what contacts responders."""

    through: Fetch
    word: ClassVar[str] = "ocsp"

    def owns(self, name: str) -> bool:
        """As `StapleKind.owns`."""
        return name == _NAME

    def tasks(self, site: Site, directory: Directory) -> tuple[FetchTask, ...]:
        """Want one staple, and none for a certificate that names no responder."""
        del directory
        return (OcspTask(site, "OCSP staple", key_of(site.hash), self),) if ocsp_urls(site.path[0]) else ()

    def judge(self, data: bytes, key: StapleKey, site: Site, directory: Directory, now: datetime) -> Servable:
        """Judge the response; without nextUpdate, or valid for very long, it tells a client little: refused."""
        del key, directory
        if len(data) > LIMITS.ocsp_staple_size:
            detail = f"OCSP response of {len(data)} octets, at most {LIMITS.ocsp_staple_size} can be stapled"
            raise VerificationError("status-missing", "V11", detail)
        status = judge_ocsp(data, site.path[0], site.path[1], now, max_validity=LIMITS.status_age)
        return Servable(status.this_update, status.until(status.this_update))

    def end(self, data: bytes, key: StapleKey) -> datetime | None:
        """Return the response's nextUpdate, or the end of the longest time for which one would have been written."""
        del key
        try:
            response = ocsp.load_der_ocsp_response(data)
            longest = response.this_update_utc + LIMITS.status_age
            return response.next_update_utc and min(response.next_update_utc, longest)
        except certificates.FAULTS as error:
            raise Malformed(f"no OCSP response ({error})") from error


def key_of(certificate: bytes) -> StapleKey:
    """Return where the staple for a certificate (its SHA-256) is kept."""
    return StapleKey(certificate, _NAME)
