"""`mecai ca batch`: each request of many has its own answer, whatever becomes of the others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import make_request
from mecai.ca.authority.operations import CertificateAuthority
from mecai.ca.authority.profiles import names_in
from mecai.cli.ca import command
from mecai.errors import HostError, InputError, MecaiError
from tests.pki import key

SETTINGS = """
name = "alder"
owner_group = "alder"
region = "north"
ocsp_url = "http://ocsp.alder.test"
state = "{folder}/state"
public = "{folder}/public"
"""

Batch = Callable[[str, object], Result]


@pytest.fixture
def configured(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "ca.toml").write_text(SETTINGS.format(folder=tmp_path))
    config = ("--config", str(tmp_path / "ca.toml"))
    assert CliRunner().invoke(command, ["init", *config]).exit_code == 0
    return config


@pytest.fixture
def batch(configured: tuple[str, str]) -> Batch:
    """Run `mecai ca batch VERB` over a document."""

    def run(verb: str, requests: object) -> Result:
        return CliRunner().invoke(command, ["batch", verb, *configured], input=json.dumps(requests))

    return run


def wanted(label: str, profile: str = "server", *dns: str) -> dict[str, object]:
    names = {"dns": list(dns)} if dns else {}
    csr = make_request(key(label), label, ()).public_bytes(Encoding.PEM).decode()
    return {"profile": profile, "csr": csr, **names}


def leaf(answer: dict[str, str]) -> x509.Certificate:
    return x509.load_pem_x509_certificates(answer["answer"].encode())[0]


def test_each_request_is_certified_by_its_own_profile_and_names(batch: Batch) -> None:
    ran = batch("issue", {"site": wanted("www", "server", "www.example.test"), "status": wanted("ocsp", "ocsp-root")})
    assert (ran.exit_code, ran.stderr) == (0, "")
    answers = json.loads(ran.stdout)
    assert list(answers) == ["site", "status"]
    assert leaf(answers["site"]).issuer.rfc4514_string() == "CN=alder issuing CA"
    assert leaf(answers["site"]).public_key() == key("www").public_key()
    assert leaf(answers["status"]).issuer.rfc4514_string() == "CN=alder root CA"
    assert leaf(answers["status"]).public_key() == key("ocsp").public_key()
    sender = wanted("mail", "mail") | {"email": ["va@alder.test"], "days": 3}
    certificate = leaf(json.loads(batch("issue", {"sender": sender}).stdout)["sender"])
    assert names_in(certificate) == ("va@alder.test",)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days in {2, 3}


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"profile": "server", "csr": "garbage"}, "signing request: no PEM certificate signing request"),
        (wanted("other"), "profile server needs a DNS name"),
        (wanted("other", "server", "localhost"), "'localhost' has one label only"),
        (wanted("www", "va", "va.example.test"), "signing request: its key already serves profile server"),
        (wanted("other", "root"), "profile: 'root'; expected one of issuing, server, client, va, "),
        ({"profil": "server"}, "request.profil: unknown key; did you mean 'profile'?"),
        ("server", "request: 'server' is not a table"),
        ({"profile": "server", "csr": "\ud800"}, "csr: holds a character that is not ASCII"),
        (wanted("other", "server", "\ud800.example.test"), "dns: holds a character that is not ASCII"),
        (wanted("other", "mail") | {"email": ["\ud800@alder.test"]}, "email: holds a character that is not ASCII"),
        ({"profile": "\ud800", "csr": "x"}, "profile: '\\ud800'; expected one of"),
        ({"\ud800": "x"}, "request."),
        (wanted("other", "server", "other.example.test") | {"days": 10**30}, "--days"),
    ],
)
def test_a_bad_request_is_named_and_the_others_are_answered(batch: Batch, bad: object, complaint: str) -> None:
    """The site comes first, so that its key serves when another wants it; the last comes after the error."""
    site, last = wanted("www", "server", "www.example.test"), wanted("last", "server", "last.example.test")
    ran = batch("issue", {"site": site, "bad": bad, "last": last})
    assert ran.exit_code == InputError.exit_code
    answers = json.loads(ran.stdout)
    assert [leaf(answers[name]).public_key() for name in ("site", "last")] == [
        key("www").public_key(),
        key("last").public_key(),
    ]
    assert answers["bad"]["error"].startswith(complaint)
    assert answers["bad"]["exit_code"] == InputError.exit_code
    assert ran.stderr.startswith(f"bad: {complaint}")


def test_a_fault_of_the_host_loses_no_answer(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The register, say, that is written no more when the disk is full."""
    issue = CertificateAuthority.issue
    issued: list[Any] = []

    def until_full(authority: CertificateAuthority, *arguments: object) -> object:
        if issued:
            raise HostError("register: cannot be used (disk full)")
        issued.append(issue(authority, *arguments))  # type: ignore[arg-type]
        return issued[0]

    monkeypatch.setattr(CertificateAuthority, "issue", until_full)
    ran = batch("issue", {each: wanted(each, "server", f"{each}.example.test") for each in ("www", "other")})
    assert ran.exit_code == HostError.exit_code
    answers = json.loads(ran.stdout)
    assert leaf(answers["www"]) == issued[0][0]
    assert answers["other"] == {"error": "register: cannot be used (disk full)", "exit_code": HostError.exit_code}


def test_a_fault_of_the_program_loses_no_answer_either(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = CertificateAuthority.issue

    def until_it_breaks(authority: CertificateAuthority, profile: Any, request_key: Any, *others: Any) -> Any:
        if request_key == key("broken").public_key():
            raise RuntimeError("a fault")
        return issue(authority, profile, request_key, *others)

    monkeypatch.setattr(CertificateAuthority, "issue", until_it_breaks)
    ran = batch("issue", {each: wanted(each, "server", f"{each}.example.test") for each in ("www", "broken", "last")})
    assert isinstance(ran.exception, RuntimeError)
    answers = json.loads(ran.stdout)
    assert list(answers) == ["www"]
    assert leaf(answers["www"]).public_key() == key("www").public_key()


def test_what_is_no_certificate_and_not_even_ascii(batch: Batch) -> None:
    ran = batch("check", {"\ud800": {"certificate": "\ud800"}})
    assert ran.exit_code == InputError.exit_code
    assert ran.stderr == "\ufffd: certificate: holds a character that is not ASCII\n"


def test_each_certificate_is_judged(batch: Batch, configured: tuple[str, str], tmp_path: Path) -> None:
    names = ("good", "revoked")
    issued = json.loads(batch("issue", {each: wanted(each, "server", f"{each}.example.test") for each in names}).stdout)
    chains = {each: {"certificate": issued[each]["answer"]} for each in names}
    (tmp_path / "revoked.pem").write_text(issued["revoked"]["answer"])
    revoke = ["revoke", *configured, "--certificate", str(tmp_path / "revoked.pem"), "--reason", "superseded"]
    assert CliRunner().invoke(command, revoke).exit_code == 0
    ran = batch("check", chains)
    answers = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert answers["good"]["answer"].startswith("good: server certificate ")
    assert answers["revoked"]["exit_code"] == 1
    assert answers["revoked"]["error"].endswith(": superseded")
    assert ran.stderr == f"revoked: {answers['revoked']['error']}\n"


def test_what_is_no_certificate_is_worse_than_one_that_is_not_good(batch: Batch) -> None:
    answers = json.loads((ran := batch("check", {"x": {"certificate": "garbage"}})).stdout)
    assert ran.exit_code == answers["x"]["exit_code"] == InputError.exit_code
    assert answers["x"]["error"] == "certificate: holds no PEM certificate"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[]", "REQUESTS: expected a JSON object with a member for each request"),
        ("{", "REQUESTS: the file: no strict JSON"),
        ('{"a": {}, "a": {}}', "REQUESTS: the file: no strict JSON (a member occurs twice)"),
    ],
)
def test_what_is_no_batch_is_bad_input(configured: tuple[str, str], content: str, complaint: str) -> None:
    ran = CliRunner().invoke(command, ["batch", "issue", *configured], input=content)
    assert isinstance(ran.exception, MecaiError)
    assert ran.exception.exit_code == InputError.exit_code
    assert str(ran.exception).startswith(complaint)
    assert ran.stdout == ""


def test_a_file_may_hold_the_requests_and_none_is_good(configured: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("{}")
    ran = CliRunner().invoke(command, ["batch", "issue", *configured, str(tmp_path / "none.json")])
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, {})
