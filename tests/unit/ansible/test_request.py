"""When a host asks its CA for a certificate: the role `certificate` runs this script on every host, at every run."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SCRIPT = Path(__file__).resolve().parents[3] / "ansible" / "roles" / "certificate" / "files" / "request"
MONTH = timedelta(days=30)
REQUEST = "the request\n"
NAMES = ("www.example.test", "example.test")
SUBJECT = x509.Name.from_rfc4514_string("CN=www.example.test")


@pytest.fixture
def key(tmp_path: Path) -> ec.EllipticCurvePrivateKey:
    """Lay a key and its request; return the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key").write_bytes(pem)
    (tmp_path / "key.csr").write_text(REQUEST)
    return key


def lay_certificate(folder: Path, key: ec.EllipticCurvePrivateKey, life: timedelta, *names: str) -> None:
    """Lay a certificate of `key` for `names` that ends after `life`."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(SUBJECT).issuer_name(SUBJECT).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - MONTH).not_valid_after(now + life)
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    certificate = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    (folder / "certificate").write_bytes(certificate.public_bytes(Encoding.PEM))


def requested(folder: Path, *arguments: str) -> str:
    """Run the script for a certificate that is to last a month more; return what it prints."""
    command = ["bash", str(SCRIPT), "certificate", "key", str(int(MONTH.total_seconds())), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=20).stdout


def test_without_a_key_nothing_is_made_or_asked_in_a_check(tmp_path: Path) -> None:
    assert requested(tmp_path, *NAMES) == ""
    assert not list(tmp_path.iterdir())


def test_a_missing_key_is_made_and_its_request_printed(tmp_path: Path) -> None:
    make = "echo made; touch key; echo the request > key.csr"
    assert requested(tmp_path, *NAMES, "--", "sh", "-c", make) == REQUEST


def test_a_key_is_never_made_anew(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    lay_certificate(tmp_path, key, 2 * MONTH, *NAMES)
    assert requested(tmp_path, *NAMES, "--", "false") == ""


@pytest.mark.usefixtures("key")
def test_a_missing_certificate_is_asked_for(tmp_path: Path) -> None:
    assert requested(tmp_path, *NAMES) == REQUEST


def test_a_certificate_that_fits_and_lasts_is_kept(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    lay_certificate(tmp_path, key, 2 * MONTH, *NAMES)
    assert requested(tmp_path, *NAMES) == ""


def test_one_that_ends_soon_is_replaced(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    lay_certificate(tmp_path, key, MONTH / 2, *NAMES)
    assert requested(tmp_path, *NAMES) == REQUEST


def test_one_that_lacks_a_name_is_replaced(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    lay_certificate(tmp_path, key, 2 * MONTH, *NAMES[:1])
    assert requested(tmp_path, *NAMES) == REQUEST


@pytest.mark.usefixtures("key")
def test_one_of_another_key_is_replaced(tmp_path: Path) -> None:
    lay_certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()), 2 * MONTH, *NAMES)
    assert requested(tmp_path, *NAMES) == REQUEST
