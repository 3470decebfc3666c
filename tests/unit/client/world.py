"""Four CAs, a directory of them, a site of alder, and vouchers for it; valid around the real clock.

OpenSSL validates chains at the machine's time, therefore this world is made for it and not for `tests.pki.NOW`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID

from mecai.protocol.cms import sign_voucher
from mecai.protocol.directory import Authority, Directory, Server, parse_directory, sign_directory
from mecai.protocol.identity import address_octets, authority_id, certificate_hash, spki_der
from mecai.protocol.tls_extension import encode_vouchers
from mecai.protocol.voucher import EvidenceMethod, StatusEvidence, VoucherInfo
from tests.pki import HOUR, Hierarchy, Issued, issue, key, leaf_extensions

HOST = "www.example.test"
KEY = bytes(range(32))


class World:
    """Everything a client's test needs, made on first use. `now` is the moment it was made."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.cas = {name: Hierarchy(name, self.now) for name in ("alder", "birch", "cedar", "dogwood")}
        self.site = self.cas["alder"].server(HOST, "localhost", "127.0.0.1")

    @cached_property
    def publisher(self) -> Issued:
        """Who signs the directory."""
        span = (self.now - HOUR, self.now + timedelta(days=365))
        purpose = leaf_extensions(ExtendedKeyUsageOID.CODE_SIGNING)
        return issue("vendor", key("vendor"), None, purpose, span=span)

    @cached_property
    def staple(self) -> bytes:
        """An OCSP response that says the site's certificate is good."""
        return self.cas["alder"].ocsp(self.site)

    def signed_directory(
        self, sequence: int = 1, *, days: float = 7, issued: datetime | None = None, region: str = "lab"
    ) -> bytes:
        """Sign a directory of all CAs, each its own owner."""
        start = issued or self.now - HOUR
        authorities = tuple(_authority(ca, region) for ca in self.cas.values())
        directory = Directory("LAB", sequence, start, start + timedelta(days=days), authorities)
        return sign_directory(directory, self.publisher.key, self.publisher.certificate)

    @cached_property
    def directory(self) -> Directory:
        """The directory as a client reads it."""
        return parse_directory(self.signed_directory(), [self.publisher.certificate], self.now, None)

    def voucher(
        self,
        name: str,
        addresses: Iterable[str] = ("127.0.0.1", "::1"),
        *,
        site: Issued | None = None,
        start: datetime | None = None,
    ) -> bytes:
        """Let one CA's authority vouch for the site."""
        ca, site = self.cas[name], site or self.site
        start = start or self.now - HOUR
        chain = [(site, self.cas["alder"].ocsp(site)), (issuer_of(site), self.cas["alder"].ocsp(issuer_of(site)))]
        info = VoucherInfo(
            authority=_id(ca),
            serial_number=7,
            certificate_hash=certificate_hash(site.der),
            intermediate_hashes=(certificate_hash(issuer_of(site).der),),
            addresses=tuple(map(address_octets, addresses)),
            probed_port=443,
            this_update=start,
            next_update=start + 24 * HOUR,
            trust_contexts=("LAB",),
            intermediates_matched=True,
            perspectives=1,
            status_evidence=tuple(self._evidence(certificate, response) for certificate, response in chain),
        )
        responses = [*(response for _, response in chain), ca.ocsp(ca.voucher)]
        return sign_voucher(info, ca.voucher.key, ca.voucher.certificate, responses)

    def answer(self, *names: str) -> bytes:
        """Return extension `voucher` with a voucher of each authority."""
        return encode_vouchers([self.voucher(name) for name in names])

    def write_config(self, folder: Path, **settings: str) -> Path:
        """Lay a client's files into `folder`; returns the configuration file."""
        (folder / "directory.der").write_bytes(self.signed_directory())
        (folder / "publishers.pem").write_bytes(self.publisher.pem)
        values = {
            "directory": folder / "directory.der",
            "publishers": folder / "publishers.pem",
            "state": folder / "state",
        }
        config = folder / "client.toml"
        config.write_text("".join(f'{key} = "{value}"\n' for key, value in (values | settings).items()))
        return config

    def _evidence(self, certificate: Issued, response: bytes) -> StatusEvidence:
        return StatusEvidence(
            certificate_hash=certificate_hash(certificate.der),
            method=EvidenceMethod.OCSP,
            this_update=self.now - HOUR,
            next_update=self.now + 47 * HOUR,
            evidence_hash=sha256(response).digest(),
        )


def issuer_of(issued: Issued) -> Issued:
    """Return the CA that issued a certificate."""
    assert issued.issuer is not None
    return issued.issuer


def _id(ca: Hierarchy) -> bytes:
    return authority_id(spki_der(ca.root.certificate))


def _authority(ca: Hierarchy, region: str) -> Authority:
    return Authority(
        name=ca.name,
        owner_group=f"{ca.name} group",
        region=region,
        authority=_id(ca),
        roots=(ca.root.certificate,),
        servers=(Server(f"https://vas.{ca.name}.test/", (ca.root.certificate,)),),
    )
