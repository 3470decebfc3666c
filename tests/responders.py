"""OCSP responders for tests, in the place of `mecai.evidence.Fetcher`: no network, and every question is remembered.

responders = Responders(ALDER, BIRCH)          # answers for whatever these hierarchies have issued
responders.status[site.certificate.serial_number] = "revoked"      # or "unknown", or "down"
responders.delegates[site.certificate.serial_number] = alder.responder(alder.issuing)  # who signs in its issuer's place
responders.know(site)                          # end entities must be made known; CAs and VAs are
"""

from datetime import datetime
from functools import cached_property
from typing import Literal

from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from mecai.evidence import FetchError
from tests.pki import DAY, Hierarchy, Issued, Status, ca_extensions, issue, key


class Online(Hierarchy):
    """A CA whose issuing CA's certificate, too, names an OCSP responder."""

    @cached_property
    def issuing(self) -> Issued:
        """The CA under the root that issues server certificates."""
        return self.issuing_until(self.now + 1825 * DAY)

    def issuing_until(self, end: datetime) -> Issued:
        """Certify that CA until some time: one more certificate of the same name and key."""
        own = key(f"{self.name} issuing CA")
        url = x509.UniformResourceIdentifier(self.ocsp_url)
        access = x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url)])
        extensions = [*ca_extensions(own, 0), (access, False)]
        return issue(f"{self.name} issuing CA", own, self.root, extensions, span=(self.now - DAY, end))


class Responders:
    """All OCSP responders of some CAs."""

    def __init__(self, *authorities: Hierarchy) -> None:
        self._known: dict[int, tuple[Hierarchy, Issued]] = {}
        self.status: dict[int, Status | Literal["down"]] = {}
        self.history: list[str] = []
        self.delegates: dict[int, Issued] = {}
        for ca in authorities:
            self.know(ca, ca.issuing)
            self.know(ca, ca.voucher)

    def know(self, ca: Hierarchy, *certificates: Issued) -> None:
        """Answer for certificates of `ca`."""
        self._known |= {each.certificate.serial_number: (ca, each) for each in certificates}

    def __call__(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """Answer one question."""
        assert content_type == "application/ocsp-request"
        assert body is not None
        assert limit >= 1024
        self.history.append(url)
        serial = ocsp.load_der_ocsp_request(body).serial_number
        status = self.status.get(serial, "good")
        if status == "down":
            raise FetchError(f"{url!r}: Connection refused")
        ca, certificate = self._known[serial]
        return ca.ocsp(certificate, status, responder=self.delegates.get(serial))
