"""What there is in the world of `vouching.py` that a body can be made of: files in its folder, read once."""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.protocol.pki.keys import PrivateKey
from mecai.service.pem import load_certificates, load_key
from mecai.vas.reports.authorship import ReportSigner
from tests.pki import Hierarchy, key

HOME, SERVER = "CONTRACT_WORLD", "CONTRACT_SERVER"  # variables: the world's folder, the TLS server's address
OPEN, HIDDEN, DISPUTED, REVOKED = "server", "hidden", "disputed", "revoked"  # labels of alder's certificates
REPORT_KEY: Final = key("report key of alder")


def report_key_line() -> str:
    """Return what alder's `ca.toml` says of its report key."""
    encoded = REPORT_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f'report_key = "{base64.b64encode(encoded).decode()}"\n'


@dataclass(frozen=True)
class Material:
    """The files of the CAs alder, which certified the servers, and birch, whose VAS is asked."""

    home: Path
    server: str

    @classmethod
    def named(cls) -> "Material":
        """Return what the environment names."""
        return cls(Path(os.environ[HOME]), os.environ[SERVER])

    @cached_property
    def site(self) -> Sequence[x509.Certificate]:
        """The chain of the TLS server."""
        return self.chain("alder", OPEN)

    @cached_property
    def disputed(self) -> Sequence[x509.Certificate]:
        """The chain that it shows by another name, to which the DNS proves objections."""
        return self.chain("alder", DISPUTED)

    @cached_property
    def chains(self) -> Sequence[Sequence[x509.Certificate]]:
        """All chains: shown, not shown, revoked, of the VAS's own CA, of a CA that nobody lists."""
        others = [self.chain("alder", label) for label in (HIDDEN, REVOKED)]
        return [
            self.site,
            self.disputed,
            *others,
            self.chain("birch", "server"),
            Hierarchy("nobody").server("www.example.test").chain,
        ]

    @cached_property
    def authority(self) -> bytes:
        """The id of alder's VA."""
        return authority_id(spki_der(load_certificates(self.home / "alder" / "public" / "root.pem")[0]))

    @cached_property
    def voucher_signer(self) -> tuple[PrivateKey, x509.Certificate]:
        """What alder's VA signs vouchers with, and statements for birch."""
        return load_key(self.home / "alder" / "va.key.pem"), self.chain("alder", "va")[0]

    @cached_property
    def report_signer(self) -> ReportSigner:
        """What alder's VA signs reports and notices with."""
        return ReportSigner(REPORT_KEY, self.authority)

    def chain(self, authority: str, label: str) -> Sequence[x509.Certificate]:
        """Return a chain that an authority certified."""
        return load_certificates(self.home / authority / f"{label}.pem")
