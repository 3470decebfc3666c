"""`mecai key create`."""

from pathlib import Path

from click.testing import CliRunner
from cryptography import x509

from mecai.cli.key import command
from mecai.errors import InputError
from mecai.service.pem import load_key


def create(home: Path, *words: str) -> object:
    arguments = ["create", "--key", str(home / "key.pem"), "--csr", str(home / "csr.pem"), "--name", "www", *words]
    return CliRunner().invoke(command, arguments).exception


def test_a_key_and_its_request(tmp_path: Path) -> None:
    assert create(tmp_path, "--dns", "www.example.test") is None
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    request = x509.load_pem_x509_csr((tmp_path / "csr.pem").read_bytes())
    assert request.public_key() == load_key(tmp_path / "key.pem").public_key()


def test_an_existing_key_stays(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("precious")
    assert isinstance(create(tmp_path), InputError)
    assert (tmp_path / "key.pem").read_text() == "precious"
    assert not (tmp_path / "csr.pem").exists()


def test_a_bad_name_makes_nothing(tmp_path: Path) -> None:
    assert isinstance(create(tmp_path, "--dns", "not a name"), InputError)
    assert list(tmp_path.iterdir()) == []
