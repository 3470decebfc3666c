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
from mecai.ca.storage.records import CertificateProfile, Issuer
from tests.pki import DAY, HOUR, NOW, key

VAS, AGENT = "vas.alder.test", "agent.alder.test"


def pem(chain: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


def private_ca(config: AuthorityConfig) -> AuthorityConfig:
    days = replace(config.days, crl=90)
    return replace(config, vas_url=None, ocsp_url=None, crl_url=None, publish_crls=True, days=days)


@pytest.fixture
def folder(config: AuthorityConfig) -> Path:
    """Return the public folder of such a CA, with a certificate of each kind."""
    private = private_ca(config)
    initialise(private, NOW)
    wanted = ((CertificateProfile.CLIENT, VAS), (CertificateProfile.SERVER, AGENT))
    with opened(private) as authority:
        for profile, name in wanted:
            chain = authority.issue(profile, key(profile).public_key(), [name], None, NOW)
            (private.public / f"{profile}.pem").write_bytes(pem(chain))
    return private.public


def is_good(folder: Path, name: str, purpose: str, *options: str, moment: datetime = NOW + HOUR) -> bool:
    """Say whether openssl verifies a chain to the root for a purpose."""
    words = ["-CAfile", "root.pem", "-untrusted", name, "-attime", str(int(moment.timestamp())), "-purpose", purpose]
    command = ["openssl", "verify", "-x509_strict", *options, *words, name]
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


def bring(folder: Path) -> None:
    """Write both lists, as `openssl crl` does, into one file for verifiers."""
    lists = [x509.load_der_x509_crl((folder / f"{issuer}.crl").read_bytes()) for issuer in Issuer]
    (folder / "lists.pem").write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in lists))


def test_what_is_revoked_is_in_lists_for_whoever_brings_them_along(folder: Path, config: AuthorityConfig) -> None:
    """They last as long as what they are about; no certificate says where they are."""
    brought = ("-crl_check", "-CRLfile", "lists.pem")
    bring(folder)
    assert is_good(folder, "client.pem", "sslclient", *brought, moment=NOW + 89 * DAY)
    client, *_ = x509.load_pem_x509_certificates((folder / "client.pem").read_bytes())
    with opened(private_ca(config)) as authority:
        authority.revoke(client.serial_number, x509.ReasonFlags.key_compromise, NOW)
    bring(folder)
    assert not is_good(folder, "client.pem", "sslclient", *brought)
    assert is_good(folder, "server.pem", "sslserver", *brought)
