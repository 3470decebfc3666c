"""Certificates for mail: openssl signs and verifies with them; the directory gets the sender's newest."""

import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from mecai.ca.authority.operations import CertificateAuthority, initialise, opened
from mecai.ca.config import AuthorityConfig
from mecai.ca.storage.records import CertificateProfile
from mecai.errors import InputError
from mecai.protocol.objects.entries import decode_authority
from mecai.service.pem import key_pem
from tests.pki import HOUR, NOW, key

SENDER: Final = "notary@alder.test"


def issue(
    authority: CertificateAuthority, *addresses: str, label: str = "mail", now: datetime = NOW
) -> x509.Certificate:
    (certificate,) = authority.issue(CertificateProfile.MAIL, key(label).public_key(), addresses, None, now)
    return certificate


def openssl(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(authority: CertificateAuthority, config: AuthorityConfig) -> Path:
    """Return a folder with the key, its certificate and a message; the root is in `root.pem`."""
    (config.public / "mail.pem").write_bytes(issue(authority, SENDER).public_bytes(Encoding.PEM))
    (config.public / "mail.key").write_bytes(key_pem(key("mail")))
    (config.public / "message").write_text("a certificate was seen\n")
    return config.public


AT: Final = ("-attime", str(int((NOW + HOUR).timestamp())), "-CAfile", "root.pem")


def test_openssl_takes_it_for_the_mail_of_its_address_and_nothing_else(folder: Path) -> None:
    def verify(*words: str) -> bool:
        return openssl(folder, "verify", *AT, *words, "mail.pem").returncode == 0

    assert verify("-x509_strict", "-purpose", "smimesign", "-verify_email", SENDER)
    assert not verify("-purpose", "smimesign", "-verify_email", "other@alder.test")
    assert not verify("-purpose", "sslserver")
    assert not verify("-purpose", "smimeencrypt")


def test_openssl_signs_with_it_and_verifies(folder: Path) -> None:
    sign = ("cms", "-sign", "-in", "message", "-signer", "mail.pem", "-inkey", "mail.key", "-out", "signed")
    assert openssl(folder, *sign).returncode == 0
    verified = openssl(folder, "cms", "-verify", "-purpose", "smimesign", "-in", "signed", *AT)
    assert (verified.returncode, verified.stdout.split()[-1]) == (0, "seen")
    (folder / "signed").write_text((folder / "signed").read_text().replace("was seen", "was lost"))
    assert openssl(folder, "cms", "-verify", "-in", "signed", *AT).returncode != 0


def test_what_it_says(authority: CertificateAuthority) -> None:
    certificate = issue(authority, SENDER)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, False, False)
    (extended,) = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert extended == ExtendedKeyUsageOID.EMAIL_PROTECTION
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.RFC822Name(SENDER)]


def test_without_an_address_there_is_none(authority: CertificateAuthority) -> None:
    with pytest.raises(InputError, match="profile mail needs a mail address: give --email"):
        issue(authority)


def test_the_directory_gets_the_senders_newest_that_is_good(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    with opened(replace(config, mail="notary@ALDER.test")) as authority:

        def listed() -> tuple[str, x509.Certificate] | None:
            mail = decode_authority(authority.describe(NOW)).mail
            return (mail.sender, mail.certificate) if mail else None

        assert listed() is None
        first = issue(authority, SENDER)
        newest = issue(authority, SENDER, label="newest")
        issue(authority, "other@alder.test", label="another's")
        assert listed() == (SENDER, newest)
        authority.revoke(newest.serial_number, x509.ReasonFlags.key_compromise, NOW)
        assert listed() == (SENDER, first)
    with opened(config) as authority:
        assert decode_authority(authority.describe(NOW)).mail is None
