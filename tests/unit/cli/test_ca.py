"""`mecai ca`: what each verb says, to people and to programs."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import make_request
from mecai.ca.authority.operations import NotGood
from mecai.ca.storage.records import serial_text
from mecai.cli.ca import command
from mecai.errors import HostError, InputError
from tests.pki import key

Mecai = Callable[..., Result]


@pytest.fixture
def mecai(tmp_path: Path) -> Mecai:
    """Run `mecai ca VERB --config ...` for a configured authority."""
    lines = {
        "name": "alder",
        "owner_group": "alder",
        "region": "north",
        "ocsp_url": "http://ocsp.alder.test",
        "vas_url": "https://vas.alder.test",
        "state": f"{tmp_path}/state",
        "public": f"{tmp_path}/public",
    }
    (tmp_path / "ca.toml").write_text("\n".join(f'{name} = "{value}"' for name, value in lines.items()))

    def run(verb: str, *words: str, given: bytes = b"") -> Result:
        return CliRunner().invoke(command, [verb, "--config", str(tmp_path / "ca.toml"), *words], input=given)

    return run


def request(*names: str) -> bytes:
    return make_request(key("www"), "www", names).public_bytes(Encoding.PEM)


def issue(mecai: Mecai, *words: str) -> Result:
    return mecai("issue", "--profile", "server", "--csr", "-", *words, given=request("www.example.test"))


def test_init_says_what_it_did(mecai: Mecai, tmp_path: Path) -> None:
    made = mecai("init").output
    root = x509.load_pem_x509_certificate((tmp_path / "public" / "root.pem").read_bytes()).fingerprint(hashes.SHA256())
    said = f"authority 'alder', public files in {tmp_path}/public\nroot = \"{root.hex()}\"\n"
    assert made == f"created: {said}"
    assert mecai("init").output == mecai("init", "--no-new-root").output == f"unchanged: {said}"


def test_init_makes_no_root_where_it_may_not(mecai: Mecai, tmp_path: Path) -> None:
    refused = mecai("init", "--no-new-root")
    assert isinstance(refused.exception, HostError)
    assert not (tmp_path / "state").exists()


def test_what_init_prints_last_pins_the_root(mecai: Mecai, tmp_path: Path) -> None:
    pin = mecai("init").output.splitlines()[-1]
    with (tmp_path / "ca.toml").open("a") as file:
        file.write(f"\n{pin}\n")
    assert mecai("list").exit_code == 0
    assert mecai("init").output.startswith("unchanged")


def test_issue_writes_leaf_and_intermediates(mecai: Mecai) -> None:
    mecai("init")
    result = issue(mecai)
    leaf, issuing = x509.load_pem_x509_certificates(result.stdout_bytes)
    leaf.verify_directly_issued_by(issuing)
    serial = serial_text(leaf.serial_number)
    assert result.stderr.startswith(f"issued server certificate {serial} for www.example.test, valid")


def test_names_of_the_caller_replace_those_of_the_request(mecai: Mecai, tmp_path: Path) -> None:
    mecai("init")
    issue(mecai, "--dns", "one.example.test", "--dns", "two.example.test", "--out", str(tmp_path / "out.pem"))
    leaf, _ = x509.load_pem_x509_certificates((tmp_path / "out.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["one.example.test", "two.example.test"]


def test_a_certificate_for_mail_is_for_the_addresses_given(mecai: Mecai) -> None:
    mecai("init")
    words = ("issue", "--profile", "mail", "--csr", "-", "--email", "notary@ALDER.test")
    (certificate,) = x509.load_pem_x509_certificates(mecai(*words, given=request("ignored.example.test")).stdout_bytes)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.RFC822Name("notary@alder.test")]
    assert json.loads(mecai("list", "--format", "json").stdout)[-1]["names"] == ["notary@alder.test"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("mail", "--dns", "www.example.test"), "profile mail has no DNS name; leave out --dns"),
        (("server", "--email", "a@example.test"), "profile server has no mail address; leave out --email"),
        (("mail", "--email", "nobody"), "'nobody' is no mail address"),
        (("mail",), "profile mail needs a mail address: give --email"),
    ],
)
def test_names_of_another_kind_are_refused(mecai: Mecai, words: tuple[str, ...], complaint: str) -> None:
    mecai("init")
    error = mecai("issue", "--csr", "-", "--profile", *words, given=request()).exception
    assert isinstance(error, InputError)
    assert complaint in str(error)


def test_a_responders_names_are_not_certified(mecai: Mecai) -> None:
    mecai("init")
    result = mecai("issue", "--profile", "ocsp-root", "--csr", "-", given=request("ocsp.alder.test"))
    (certificate,) = x509.load_pem_x509_certificates(result.stdout_bytes)
    assert not [each for each in certificate.extensions if isinstance(each.value, x509.SubjectAlternativeName)]


def test_revoke_by_certificate_or_serial_number(mecai: Mecai, tmp_path: Path) -> None:
    mecai("init")
    issue(mecai, "--out", str(tmp_path / "out.pem"))
    number = x509.load_pem_x509_certificate((tmp_path / "out.pem").read_bytes()).serial_number
    serial = serial_text(number)
    first = mecai("revoke", "--certificate", str(tmp_path / "out.pem"), "--reason", "superseded")
    assert first.output == f"revoked server certificate {serial} (www.example.test): superseded\n"
    again = mecai("revoke", "--serial", f"{number:X}")
    assert again.output.startswith(f"unchanged: server certificate {serial} (www.example.test) was revoked at")
    assert again.exit_code == 0


def test_check_tells_whether_a_certificate_may_be_kept(mecai: Mecai, tmp_path: Path) -> None:
    mecai("init")
    issue(mecai, "--out", str(tmp_path / "out.pem"))
    pem = (tmp_path / "out.pem").read_bytes()
    serial = serial_text(x509.load_pem_x509_certificate(pem).serial_number)
    said = mecai("check", "--certificate", "-", given=pem)
    assert said.exit_code == 0
    assert said.output.startswith(f"good: server certificate {serial}, valid until ")
    mecai("revoke", "--serial", serial, "--reason", "superseded")
    refused = mecai("check", "--certificate", str(tmp_path / "out.pem")).exception
    assert isinstance(refused, NotGood)
    assert re.fullmatch(f"certificate {serial}: revoked at .*: superseded", str(refused))


def test_check_without_a_certificate_is_bad_input(mecai: Mecai) -> None:
    mecai("init")
    error = mecai("check", "--certificate", "-", given=b"garbage").exception
    assert isinstance(error, InputError)
    assert "holds no PEM certificate" in str(error)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "give either --certificate or --serial"),
        (["--serial", "1", "--certificate", "x"], "give either --certificate or --serial"),
        (["--serial", "xyz"], "--serial: 'xyz' is not hexadecimal"),
        (["--serial", "-5"], "serial number -5: not issued"),
        (["--serial", "01:02"], "serial number 0102: not issued by this authority"),
    ],
)
def test_revoke_with_bad_input(mecai: Mecai, words: list[str], complaint: str) -> None:
    mecai("init")
    error = mecai("revoke", *words).exception
    assert isinstance(error, InputError)
    assert str(error).startswith(complaint)


def test_list_for_programs(mecai: Mecai) -> None:
    mecai("init")
    issue(mecai)
    entries = json.loads(mecai("list", "--format", "json").stdout)
    assert [entry["profile"] for entry in entries] == ["root", "issuing", "server"]
    assert entries[2]["names"] == ["www.example.test"]
    assert entries[2]["status"] == "good"


def test_list_for_people_fits_80_columns_and_splits_nothing(mecai: Mecai) -> None:
    mecai("init")
    long = f"{'w' * 63}.example.test"
    dns = [word for name in ("one.example.test", "two.example.test", long) for word in ("--dns", name)]
    issue(mecai, *dns)
    serial = json.loads(mecai("list", "--format", "json").stdout)[2]["serial"]
    lines = mecai("list").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split("  ")[0] == "serial number"
    place = next(place for place, line in enumerate(lines) if line.startswith(serial))
    assert lines[place].split()[1:3] == ["server", "good"]
    assert "".join(lines[place + 1 :]).split() == ["one.example.test,", "two.example.test,", long]


def test_describe_is_a_directory_entry(mecai: Mecai) -> None:
    mecai("init")
    entry = json.loads(mecai("describe").stdout)
    assert (entry["name"], entry["ownerGroup"], entry["region"]) == ("alder", "alder", "north")


def test_publish_brings_back_what_was_lost(mecai: Mecai, tmp_path: Path) -> None:
    mecai("init")
    shutil.rmtree(tmp_path / "public")
    assert mecai("publish").output == f"published: {tmp_path}/public\n"
    assert (tmp_path / "public" / "status" / "complete").exists()
    assert len(list((tmp_path / "public" / "status" / "root").iterdir())) == len(["root", "issuing"])


def test_without_an_authority_there_is_one_clear_line(mecai: Mecai) -> None:
    error = mecai("list").exception
    assert isinstance(error, HostError)
    assert "there is no authority; mount or restore its folder, or make a new one" in str(error)


def test_the_root_certifies_an_issuing_ca_on_request(mecai: Mecai) -> None:
    """For a key of somebody else's; it is revoked like any other certificate."""
    mecai("init")
    result = mecai("issue", "--profile", "issuing", "--csr", "-", given=request())
    (certificate,) = x509.load_pem_x509_certificates(result.stdout_bytes)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert certificate.issuer.rfc4514_string() == "CN=alder root CA"
    revoked = mecai("revoke", "--serial", serial_text(certificate.serial_number))
    assert revoked.output.startswith("revoked issuing certificate")
