"""A CA without a responder, for clients and servers of its owner: openssl takes each for its purpose, by the root."""

import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.operations import initialise, opened
from mecai.ca.config import AuthorityConfig
from mecai.ca.storage.records import CertificateProfile
from tests.pki import HOUR, NOW, key

VAS, AGENT = "vas.alder.test", "agent.alder.test"


def pem(chain: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


@pytest.fixture
def folder(config: AuthorityConfig) -> Path:
    """Return the public folder of such a CA, with a certificate of each kind."""
    private = replace(config, vas_url=None, ocsp_url=None, crl_url=None)
    initialise(private, NOW)
    wanted = ((CertificateProfile.CLIENT, VAS), (CertificateProfile.SERVER, AGENT))
    with opened(private) as authority:
        for profile, name in wanted:
            chain = authority.issue(profile, key(profile).public_key(), [name], None, NOW)
            (private.public / f"{profile}.pem").write_bytes(pem(chain))
    return private.public


def is_good(folder: Path, name: str, purpose: str, moment: datetime = NOW + HOUR) -> bool:
    """Say whether openssl verifies a chain to the root for a purpose."""
    words = ["-CAfile", "root.pem", "-untrusted", name, "-attime", str(int(moment.timestamp())), "-purpose", purpose]
    command = ["openssl", "verify", "-x509_strict", *words, name]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False).returncode == 0


def test_each_certificate_is_for_its_own_side_of_a_connection(folder: Path) -> None:
    assert is_good(folder, "client.pem", "sslclient")
    assert not is_good(folder, "client.pem", "sslserver")
    assert is_good(folder, "server.pem", "sslserver")
    assert not is_good(folder, "server.pem", "sslclient")


def test_they_say_of_no_place_that_their_status_is_asked_there(folder: Path) -> None:
    for name in ("client.pem", "server.pem"):
        for certificate in x509.load_pem_x509_certificates((folder / name).read_bytes()):
            oids = {each.oid for each in certificate.extensions}
            assert x509.AuthorityInformationAccess.oid not in oids
            assert x509.CRLDistributionPoints.oid not in oids
