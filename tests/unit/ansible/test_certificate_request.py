"""The module `certificate_request`, run on real files with the machine's own openssl.

Each test writes a key and a certificate and asks the module, as the role does on every host at every run.
"""

import json
import runpy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

MODULE = Path(__file__).resolve().parents[3] / "ansible" / "plugins" / "modules" / "certificate_request.py"
REQUEST = "the request\n"
NAMES = ["www.example.test", "example.test"]
ISSUER = "alder issuing CA"

Ask = Callable[..., dict[str, Any]]
EcKey = ec.EllipticCurvePrivateKey


@pytest.fixture(scope="module")
def code() -> dict[str, Any]:
    """Read the module as Ansible does: a file that is no part of a package."""
    return runpy.run_path(str(MODULE))


@pytest.fixture
def ask(code: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return what runs the module for the files `key` and `certificate`; it returns the module's answer."""

    def run(**changes: object) -> dict[str, Any]:
        arguments = {"key": f"{tmp_path}/key", "certificate": f"{tmp_path}/certificate", "name": NAMES[0], "dns": NAMES}
        with patch_module_args(arguments | changes), pytest.raises(SystemExit):
            code["main"]()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run


@pytest.fixture
def key(tmp_path: Path) -> EcKey:
    """Write a key and its request; return the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key").write_bytes(pem)
    (tmp_path / "key.csr").write_text(REQUEST)
    return key


@pytest.fixture
def mecai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `mecai` first on the path that writes down how it was called, as its answer makes key and request."""
    program = tmp_path / "bin" / "mecai"
    program.parent.mkdir()
    make = 'openssl genpkey -algorithm ED25519 -out "$4" && echo made >"$6"'
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/called\n{make}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/sbin:/usr/bin:/sbin:/bin")
    return tmp_path / "called"


def certificate(key: EcKey, *names: str, days: float = 60, issuer: str = ISSUER, addresses: Sequence[str] = ()) -> str:
    """Make a certificate of `key` for `names` that ends in so many days (PEM)."""
    now = datetime.now(UTC)
    signer = x509.Name.from_rfc4514_string(f"CN={issuer}")
    subject = x509.Name.from_rfc4514_string("CN=www.example.test")
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(signer).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(days=30))
    builder = builder.not_valid_after(now + timedelta(days=days))
    alternative = [*(x509.DNSName(name) for name in names or NAMES), *map(x509.RFC822Name, addresses)]
    made = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def write(folder: Path, text: str) -> None:
    """Write the certificate that the host has."""
    (folder / "certificate").write_text(text)


def test_a_certificate_that_fits_and_lasts_is_kept(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key))
    answer = ask(issuer=ISSUER)
    assert (answer["changed"], answer["reason"], answer["request"]) == (False, "", "")


@pytest.mark.usefixtures("key")
def test_a_missing_certificate_is_asked_for(ask: Ask) -> None:
    answer = ask()
    assert (answer["changed"], answer["reason"], answer["request"]) == (False, "there is no certificate", REQUEST)


def test_one_that_ends_soon_is_replaced(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key, days=15))
    answer = ask()
    assert (answer["reason"], answer["request"]) == ("it ends within 30 days", REQUEST)


def test_the_days_may_come_from_the_command_line_as_text(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key, days=15))
    assert ask(renew_before_days="3")["reason"] == ""
    assert ask(renew_before_days="16")["reason"] == "it ends within 16 days"


def test_one_that_lacks_a_name_is_replaced(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key, NAMES[0]))
    answer = ask()
    assert (answer["reason"], answer["request"]) == ("it is not for example.test", REQUEST)


def test_one_that_lacks_a_mail_address_is_replaced(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key, addresses=["notary@a.example"]))
    assert ask(email=["notary@a.example"])["reason"] == ""
    assert ask(email=["other@a.example"])["reason"] == "it is not for other@a.example"


def test_one_of_another_key_is_replaced(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert other.public_key() != key.public_key()
    write(tmp_path, certificate(other))
    answer = ask()
    assert (answer["reason"], answer["request"]) == ("it belongs to another key", REQUEST)


@pytest.mark.parametrize("issuer", ["birch issuing CA", "alder issuing CA,O=alder", "x alder issuing CA"])
def test_one_of_another_issuer_is_replaced(tmp_path: Path, key: EcKey, ask: Ask, issuer: str) -> None:
    write(tmp_path, certificate(key))
    assert ask(issuer=issuer)["reason"] == f"it was not issued by {issuer}"


def test_what_is_no_certificate_is_replaced(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key)[:200])
    assert ask()["reason"] == "it cannot be read"


def test_a_missing_key_is_made_and_its_request_returned(tmp_path: Path, mecai: Path, ask: Ask) -> None:
    answer = ask()
    assert (answer["changed"], answer["request"]) == (True, "made\n")
    names = "--name www.example.test --dns www.example.test --dns example.test"
    assert mecai.read_text() == f"key create --key {tmp_path}/key --csr {tmp_path}/key.csr {names}\n"


def test_a_key_is_never_made_anew(key: EcKey, mecai: Path, ask: Ask) -> None:
    assert key
    assert ask()["changed"] is False
    assert not mecai.exists()


def test_a_key_that_cannot_be_read_is_an_error(tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "key").write_text("nothing")
    write(tmp_path, certificate(ec.generate_private_key(ec.SECP256R1())))
    answer = ask()
    assert answer["failed"]
    assert f"{tmp_path}/key: openssl cannot read" in answer["msg"]


def test_a_key_without_its_request_is_an_error(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    assert key
    (tmp_path / "key.csr").unlink()
    answer = ask()
    assert answer["failed"]
    assert f"{tmp_path}/key.csr" in answer["msg"]


def test_a_check_makes_no_key_and_says_that_the_run_would(tmp_path: Path, mecai: Path, ask: Ask) -> None:
    before = sorted(tmp_path.iterdir())
    answer = ask(_ansible_check_mode=True)
    assert (answer["changed"], answer["reason"], answer["request"]) == (True, "there is no key", "")
    assert (mecai.exists(), sorted(tmp_path.iterdir())) == (False, before)


def test_a_check_shows_a_due_renewal_as_a_change(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key, days=15))
    answer = ask(_ansible_check_mode=True)
    assert (answer["changed"], answer["reason"]) == (True, "it ends within 30 days")


def test_what_the_ca_issued_is_put_in_place_for_all_to_read(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key, days=15))
    issued = certificate(key) + certificate(ec.generate_private_key(ec.SECP256R1()))  # an intermediate follows
    answer = ask(issued=issued, issuer=ISSUER)
    found = tmp_path / "certificate"
    assert (answer["changed"], found.read_text(), oct(found.stat().st_mode)[-3:]) == (True, issued, "644")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certificate", "key", "key.csr"]


def test_what_does_not_fit_is_not_put_in_place(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, before := certificate(key))
    for issued, fault in (
        (certificate(ec.generate_private_key(ec.SECP256R1())), "it belongs to another key"),
        (certificate(key, NAMES[1]), "it is not for www.example.test"),
        (certificate(key, days=1), "it ends within 30 days"),
        (certificate(key, issuer="birch issuing CA"), f"it was not issued by {ISSUER}"),
        ("", "it cannot be read"),
    ):
        answer = ask(issued=issued, issuer=ISSUER)
        assert answer["failed"]
        assert fault in answer["msg"]
        assert (tmp_path / "certificate").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certificate", "key", "key.csr"]


def test_a_check_leaves_the_old_certificate(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, before := certificate(key, days=15))
    assert ask(issued=certificate(key), _ansible_check_mode=True)["changed"] is True
    assert (tmp_path / "certificate").read_text() == before


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    answer = ask(certificate=f"{tmp_path}/none/certificate", issued=certificate(key))
    assert answer["failed"]
    assert f"{tmp_path}/none" in answer["msg"]


def test_every_argument_is_documented_as_it_is_taken(code: dict[str, Any]) -> None:
    documented = yaml.safe_load(code["DOCUMENTATION"])["options"]
    for option in documented.values():
        del option["description"]
    taken = {name: {k: v for k, v in spec.items() if k != "no_log"} for name, spec in code["ARGUMENTS"].items()}
    assert documented == taken


def test_what_it_returns_is_documented(key: EcKey, ask: Ask, code: dict[str, Any]) -> None:
    assert key
    assert set(yaml.safe_load(code["RETURN"])) == set(ask()) - {"changed", "invocation"}


REFUSAL = "mecai: certificate 5A: revoked at 2026-03-02 12:00:00+00:00: key_compromise"


def test_one_for_the_key_is_returned_for_its_ca_to_judge_be_it_due_or_not(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, mine := certificate(key))
    assert ask()["certificate"] == ask(renew_before_days=70)["certificate"] == mine
    write(tmp_path, certificate(ec.generate_private_key(ec.SECP256R1())))
    assert ask()["certificate"] == ""


@pytest.mark.usefixtures("mecai")
def test_a_renewal_keeps_the_key_unless_a_new_one_is_wanted(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key, days=15))
    assert ask()["request"] == REQUEST
    assert not (tmp_path / "key.new").exists()
    before = (tmp_path / "key").read_bytes()
    answer = ask(new_key=True)
    assert (answer["changed"], answer["reason"], answer["request"]) == (True, "it ends within 30 days", "made\n")
    again = ask(new_key=True)  # as after a run that broke off: the key that waits is asked for again
    assert (again["changed"], again["request"]) == (False, "made\n")
    assert (tmp_path / "key").read_bytes() == before


def test_what_the_ca_refused_is_replaced_though_it_fits(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    write(tmp_path, certificate(key))
    answer = ask(refused=REFUSAL)
    assert (answer["reason"], answer["request"]) == (REFUSAL, REQUEST)


@pytest.mark.usefixtures("mecai")
def test_a_first_certificate_gets_the_key_that_is_there(tmp_path: Path, key: EcKey, ask: Ask) -> None:
    assert key
    assert ask(new_key=True)["request"] == REQUEST
    assert not (tmp_path / "key.new").exists()


@pytest.fixture
def successor(tmp_path: Path, key: EcKey) -> EcKey:
    """Let a certificate be due, and a new key wait beside the old one."""
    write(tmp_path, certificate(key, days=15))
    successor = ec.generate_private_key(ec.SECP256R1())
    pem = successor.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.new").write_bytes(pem)
    (tmp_path / "key.new.csr").write_text("the successor's\n")
    return successor


def test_the_new_key_comes_into_place_with_its_certificate(tmp_path: Path, successor: EcKey, ask: Ask) -> None:
    pem = (tmp_path / "key.new").read_bytes()
    assert ask()["request"] == "the successor's\n"
    assert ask(issued=(issued := certificate(successor)))["changed"] is True
    assert ((tmp_path / "key").read_bytes(), (tmp_path / "certificate").read_text()) == (pem, issued)
    assert (tmp_path / "key.csr").read_text() == "the successor's\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certificate", "key", "key.csr"]
    assert ask()["reason"] == ""


def test_an_answer_for_the_old_key_does_not_bring_the_new_one(
    tmp_path: Path, key: EcKey, successor: EcKey, ask: Ask
) -> None:
    assert successor != key
    before = (tmp_path / "key").read_bytes(), (tmp_path / "certificate").read_text()
    assert "it belongs to another key" in ask(issued=certificate(key))["msg"]
    assert ((tmp_path / "key").read_bytes(), (tmp_path / "certificate").read_text()) == before


def test_a_check_neither_makes_nor_moves_a_key(tmp_path: Path, key: EcKey, mecai: Path, ask: Ask) -> None:
    write(tmp_path, certificate(key, days=15))
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert ask(new_key=True, _ansible_check_mode=True)["changed"] is True
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert not mecai.exists()


@pytest.mark.usefixtures("mecai")
@pytest.mark.parametrize("left", [["key.new"], ["key.new.csr"]])
def test_a_half_made_new_key_is_made_anew(tmp_path: Path, key: EcKey, ask: Ask, left: list[str]) -> None:
    write(tmp_path, certificate(key, days=15))
    for name in left:
        (tmp_path / name).write_text("half")
    assert ask(new_key=True)["request"] == "made\n"
    assert "PRIVATE KEY" in (tmp_path / "key.new").read_text()
