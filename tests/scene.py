r"""A whole scene for tests, on top of `tests.pki`: a server, a directory, vouchers; every detail may be changed.

from tests.pki import NOW, Hierarchy
from tests.scene import ADDRESS, Scene

scene = Scene()                                  # site from alder; alder, birch, cedar, dogwood in the directory
der = scene.voucher(scene.birch)                 # a good voucher for scene.site at ADDRESS
scene.accept(der)                                # verify_connection with birch, cedar, dogwood as candidates
scene.voucher(scene.birch, addresses=(b"\xc6\x12\x00\x0b",))       # any field of VoucherInfo may be changed
scene.voucher(scene.birch, evidence=[scene.alder.ocsp(scene.site, status="revoked"), ...])
scene.signed_directory()                         # as its publisher signs it; the pin is PUBLISHER.certificate
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pytest
from cryptography.x509 import ocsp

from mecai.errors import VerificationError
from mecai.protocol.objects.authorities import Authority, Directory, Server
from mecai.protocol.objects.directory import sign_directory
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher import sign_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.identity import address_octets, authority_id, certificate_hash, sha256, spki_der, spki_hash
from mecai.protocol.verify.connection import Accepted, Policy, Presented, verify_connection
from tests.pki import NOW, VOUCHER_SIGNING, Hierarchy, Issued, issue, key, leaf_extensions

ADDRESS = address_octets("198.18.0.10")
HOST = "www.example.test"
PUBLISHER = issue(
    "publisher", key("publisher"), None, leaf_extensions(VOUCHER_SIGNING), span=(NOW, NOW + timedelta(days=365))
)


def authority_entry(hierarchy: Hierarchy, owner_group: str | None = None, region: str = "EU") -> Authority:
    """Return a directory entry for a hierarchy; by default every CA is its own owner group."""
    root = hierarchy.root.certificate
    return Authority(
        name=hierarchy.name,
        owner_group=owner_group or hierarchy.name,
        region=region,
        authority=authority_id(spki_der(root)),
        roots=(root,),
        subordinates=frozenset({spki_hash(hierarchy.issuing.certificate)}),
        servers=(Server(f"https://vas.{hierarchy.name}.test", (root,)),),
    )


def directory_of(*entries: Authority, now: datetime = NOW, **changes: Any) -> Directory:
    """Return an unsigned directory of context MOZ."""
    fields: dict[str, Any] = {"context": "MOZ", "sequence": 1, "issued": now, "expires": now + timedelta(days=7)}
    return Directory(**{**fields, "authorities": entries, **changes})


def ocsp_evidence(certificate: bytes, response: bytes) -> StatusEvidence:
    """Return the StatusEvidence that names an OCSP response, with the response's own times."""
    answer = next(ocsp.load_der_ocsp_response(response).responses)
    assert answer.next_update_utc is not None
    return StatusEvidence(
        certificate_hash=certificate_hash(certificate),
        method=EvidenceMethod.OCSP,
        this_update=answer.this_update_utc,
        next_update=answer.next_update_utc,
        evidence_hash=sha256(response),
    )


@dataclass(frozen=True)
class Scene:
    """One server with a certificate of alder, and four authorities."""

    now: datetime = NOW
    delegate: bool = False
    alder: Hierarchy = field(default_factory=lambda: Hierarchy("alder"))
    birch: Hierarchy = field(default_factory=lambda: Hierarchy("birch"))
    cedar: Hierarchy = field(default_factory=lambda: Hierarchy("cedar"))
    dogwood: Hierarchy = field(default_factory=lambda: Hierarchy("dogwood"))

    @cached_property
    def site(self) -> Issued:
        """The server's certificate."""
        return self.alder.server(HOST)

    @cached_property
    def directory(self) -> Directory:
        """All four authorities."""
        return directory_of(*map(authority_entry, (self.alder, self.birch, self.cedar, self.dogwood)), now=self.now)

    def signed_directory(self, **changes: Any) -> bytes:
        """Return the directory as the publisher signs it."""
        return sign_directory(replace(self.directory, **changes), PUBLISHER.key, PUBLISHER.certificate)

    @cached_property
    def presented(self) -> Presented:
        """What the server shows a client."""
        return Presented(self.site.chain_der, ADDRESS)

    @cached_property
    def policy(self) -> Policy:
        """A client that names the three authorities other than the issuer's."""
        others = (self.birch, self.cedar, self.dogwood)
        return Policy(tuple(authority_entry(other).authority for other in others), contexts=("MOZ",))

    def evidence(self, site: Issued | None = None) -> list[bytes]:
        """Return good OCSP responses for the chain, end entity first."""
        site = site or self.site
        responses = [self.alder.ocsp(site, delegate=self.delegate)]
        if site.issuer is not None and site.issuer.issuer is not None:
            responses.append(self.alder.ocsp(site.issuer, delegate=self.delegate))
        return responses

    def info(
        self, va: Hierarchy, *, site: Issued | None = None, evidence: Sequence[bytes] | None = None, **changes: Any
    ) -> VoucherInfo:
        """Return what `va` would say about the site; `changes` replace fields of VoucherInfo."""
        chain = (site or self.site).chain_der
        responses = self.evidence(site) if evidence is None else evidence
        fields: dict[str, Any] = {
            "authority": authority_id(spki_der(va.root.certificate)),
            "serial_number": 0x1F2E3D4C5B6A79880112233445566778,
            "certificate_hash": certificate_hash(chain[0]),
            "intermediate_hashes": tuple(map(certificate_hash, chain[1:])),
            "addresses": (ADDRESS,),
            "probed_port": 443,
            "this_update": self.now - timedelta(minutes=5),
            "next_update": self.now + timedelta(hours=23, minutes=55),
            "trust_contexts": ("MOZ",),
            "intermediates_matched": True,
            "perspectives": 1,
            "status_evidence": tuple(map(ocsp_evidence, chain, responses)),
        }
        return VoucherInfo(**{**fields, **changes})

    def voucher(
        self,
        va: Hierarchy,
        *,
        signer: Issued | None = None,
        site: Issued | None = None,
        evidence: Sequence[bytes] | None = None,
        enclosed: Sequence[bytes] | None = None,
        authority_status: bytes | None = None,
        **changes: Any,
    ) -> bytes:
        """Return a signed voucher; `evidence` is what it names, `enclosed` (by default the same) what it carries."""
        named = self.evidence(site) if evidence is None else evidence
        signer = signer or va.voucher
        status = authority_status or va.ocsp(signer, delegate=self.delegate)
        responses = [*(named if enclosed is None else enclosed), status]
        return sign_voucher(
            self.info(va, site=site, evidence=named, **changes), signer.key, signer.certificate, responses
        )

    def accept(self, *vouchers: bytes, **changes: Any) -> Accepted:
        """Judge a connection; `changes` replace `presented`, `directory`, `policy`, `server_name` or `now`."""
        arguments: dict[str, Any] = {
            "presented": self.presented,
            "directory": self.directory,
            "policy": self.policy,
            "server_name": HOST,
            "now": self.now,
        }
        return verify_connection(vouchers, **{**arguments, **changes})


@contextmanager
def refuses(reason: str, rule: str) -> Iterator[None]:
    """Expect a `VerificationError` with exactly this reason code and rule number."""
    with pytest.raises(VerificationError) as caught:
        yield
    assert (caught.value.reason, caught.value.rule) == (reason, rule), caught.value
