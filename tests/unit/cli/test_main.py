"""What every verb has in common: how an error ends."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import make_request
from mecai.cli.main import EXTRAS, VERBS, main
from mecai.errors import HostError
from mecai.service import named
from tests.pki import ODD_NAMES, key, odd_request
from tests.unit.cli.program import mecai


def test_an_error_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise HostError("it said HTTP/\x1b[31m\x9b2J")

    monkeypatch.setattr("mecai.cli.vas.read_config", read)
    ended = mecai("vas", "check")
    assert (ended.code, ended.err) == (3, "mecai: it said HTTP/\ufffd[31m\ufffd2J\n")


@pytest.mark.parametrize("form", ODD_NAMES)
def test_an_odd_signing_request_ends_in_one_line(tmp_path: Path, form: str) -> None:
    pem = x509.load_der_x509_csr(odd_request(form)).public_bytes(Encoding.PEM)
    (tmp_path / "csr").write_bytes(pem)
    ended = mecai("ca", "issue", "--profile", "server", "--csr", tmp_path / "csr")
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch("mecai: signing request: cannot be certified .*; expected DNS names only\n", ended.err)


@pytest.mark.parametrize("name", ["192.0.2.1", "a_b.example.test"])
def test_a_name_that_is_not_certified_ends_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "csr").write_bytes(make_request(key("www"), "www", []).public_bytes(Encoding.PEM))
    ended = mecai("ca", "issue", "--profile", "server", "--csr", tmp_path / "csr", "--dns", name)
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch(f"mecai: '{name}' cannot be certified; expected a host name .*\n", ended.err)


@pytest.mark.parametrize(
    ("octets", "option", "text"),
    [
        (b"\x30\x82\x01\xff", "--days", "1"),
        (b"", "--dns", "stra\u00dfe.example.test"),
        (b"", "--email", "\u00e4@example.test"),
    ],
)
def test_a_request_that_is_not_ascii_ends_in_one_line(tmp_path: Path, octets: bytes, option: str, text: str) -> None:
    """DER in the place of PEM, say."""
    (tmp_path / "csr").write_bytes(octets)
    ended = mecai("ca", "issue", "--profile", "server", "--csr", tmp_path / "csr", option, text)
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch("mecai: --(csr|dns|email): holds a character that is not ASCII; expected .*\n", ended.err)


@pytest.mark.parametrize("words", [("ca", "batch", "check"), ("ca", "check", "--certificate")])
def test_a_pipe_that_nobody_fills_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(named, "SILENCE", 0.01)
    os.mkfifo(tmp_path / "pipe")
    ended = mecai(*words, tmp_path / "pipe")
    assert (ended.code, ended.out) == (2, "")
    assert "pipe': nothing came for 0 s" in ended.err


LOADED = """
import sys
from mecai.cli.main import main
try:
    main()
finally:
    print(*(name for name in ("cryptography", "flask", "rich", "sqlalchemy") if name in sys.modules), file=sys.stderr)
"""


def test_help_lists_every_verb_and_loads_none() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, "--help"], capture_output=True, text=True, check=True)
    assert re.findall(r"^  (\w+) ", done.stdout.partition("Verbs:\n")[2], flags=re.MULTILINE) == sorted(VERBS)
    assert done.stderr == "\n"


@pytest.mark.parametrize(("missing", "verb"), [("sqlalchemy", "vas"), ("sqlalchemy", "ca"), ("dns", "vas")])
def test_a_verb_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str, verb: str
) -> None:
    def load(_name: str) -> NoReturn:
        raise ModuleNotFoundError(f"No module named '{missing}.engine'", name=f"{missing}.engine")

    monkeypatch.setattr("mecai.cli.program.import_module", load)
    ended = mecai(verb, "--help")
    expected = f"mecai: {verb}: {missing} is not installed: pip install 'mecai[{EXTRAS[verb]}]'\n"
    assert (ended.code, ended.out, ended.err) == (3, "", expected)


@pytest.mark.parametrize(("missing", "verb"), [("mecai.vas", "vas"), ("cryptography", "voucher")])
def test_a_broken_installation_is_not_called_an_extra(monkeypatch: pytest.MonkeyPatch, missing: str, verb: str) -> None:
    def load(_name: str) -> NoReturn:
        raise ModuleNotFoundError(f"No module named '{missing}'", name=missing)

    monkeypatch.setattr("mecai.cli.program.import_module", load)
    monkeypatch.setattr(sys, "argv", ["mecai", verb])
    with pytest.raises(ModuleNotFoundError):
        main()
