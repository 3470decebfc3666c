"""Keys and certificates in files: what is read, and the line for each failure."""

from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from mecai.service.pem import load_certificates, load_key
from tests.pki import ODD_NAMES, Hierarchy, odd_server

ALDER = Hierarchy("alder")
SITE = ALDER.server("www.example.test")


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_key(tmp_path: Path) -> None:
    assert load_key(write(tmp_path / "key.pem", SITE.key_pem)).public_key() == SITE.key.public_key()


def test_a_chain_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert load_certificates(write(tmp_path / "chain.pem", SITE.chain_pem)) == SITE.chain


@pytest.mark.parametrize(
    ("data", "mode", "line"),
    [
        (SITE.key_pem, 0o640, "private key has mode 0640; expected 0600"),
        (SITE.pem, 0o600, "holds no unencrypted PEM private key"),
        (b"", 0o600, "holds no unencrypted PEM private key"),
    ],
)
def test_no_key(tmp_path: Path, data: bytes, mode: int, line: str) -> None:
    path = write(tmp_path / "key.pem", data, mode)
    with pytest.raises(HostError, match=line) as caught:
        load_key(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no PEM certificate"):
        load_certificates(write(tmp_path / "chain.pem", SITE.key_pem))


@pytest.mark.parametrize("load", [load_key, load_certificates])
def test_no_file(tmp_path: Path, load: object) -> None:
    assert callable(load)
    with pytest.raises(HostError, match="No such file"):
        load(tmp_path / "none.pem")


@pytest.mark.parametrize("form", ODD_NAMES)
def test_a_certificate_that_cannot_be_read_to_the_end_is_named(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "chain.pem", SITE.pem + odd_server(form, ALDER.issuing).pem)
    with pytest.raises(InputError, match=r"chain\.pem: certificate 2: no sound DER certificate"):
        load_certificates(path)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "holds no PEM certificate"),
        (SITE.der, "holds no PEM but DER, it seems; write it anew with `openssl x509 -inform DER"),
        (SITE.pem.replace(b" CERT", b" TRUSTED CERT"), "holds a TRUSTED CERTIFICATE; write it anew with `openssl x509"),
    ],
)
def test_what_else_lies_there_is_named(tmp_path: Path, data: bytes, line: str) -> None:
    with pytest.raises(InputError) as caught:
        load_certificates(write(tmp_path / "chain.pem", data))
    assert line in str(caught.value)
