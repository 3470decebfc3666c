"""`mecai vas reports`, `incident`, `report-key`, `distrust adopt`: what an operator sees and does."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from mecai.cli import vas_reports, vas_trust
from mecai.protocol.objects.incident import Incident, Kind, parse_incident
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.pki.identity import authority_id, hash_of, sha256, spki_der, spki_hash
from mecai.vas.storage.database import migrate, open_database
from mecai.vas.storage.distrust import DistrustLog
from mecai.vas.storage.incidents import IncidentLog
from mecai.vas.storage.reports import ReportLog
from tests.pki import HOUR, NOW, Hierarchy, Issued, key
from tests.unit.cli.program import mecai
from tests.unit.vas.test_config import DIRECTORY, LEAST, write

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
SITE = ALDER.server("www.example.test")
ROOT = spki_hash(ALDER.root.certificate)
OWN = authority_id(spki_der(BIRCH.root.certificate))
OTHER = bytes(range(8))
REPORT = Report(SITE.chain, bytes([203, 0, 113, 9]), 443, NOW, Verdict.REFUSED, "no-voucher", "\U0001f914 odd")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a configuration with a report key, and an empty database."""
    monkeypatch.chdir(tmp_path)
    for module in (vas_reports, vas_trust):
        monkeypatch.setattr(module, "now", lambda: NOW + HOUR)
    write(tmp_path / "vas.toml", f'report_key = "report-key.pem"{LEAST}{DIRECTORY}')
    Path("report-key.pem").touch(0o600)
    Path("report-key.pem").write_bytes(Issued(SITE.certificate, key("reports")).key_pem)
    Path("root.pem").write_bytes(BIRCH.root.pem)
    engine = open_database("sqlite:///vas.sqlite")
    migrate(engine)
    ReportLog(engine).keep(REPORT, NOW, reporter="192.0.2.7")
    engine.dispose()


def vas(*words: object) -> tuple[int, str, str]:
    ended = mecai("vas", *words, "--config", "vas.toml")
    return ended.code, ended.out, ended.err


def notice(incident: Incident) -> str:
    """Keep a notice of another VA; return by which name it is adopted."""
    engine = open_database("sqlite:///vas.sqlite")
    name = IncidentLog(engine).keep(incident, b"signed", NOW)
    engine.dispose()
    return name.hex()


def test_reports_are_shown_with_who_told_them() -> None:
    assert vas("reports")[1].splitlines() == [
        "seen (UTC)        verdict  reason      address",
        "2026-03-02 12:00  refused  no-voucher  203.0.113.9 port 443",
        f"  {hash_of(SITE.certificate).hex()},",
        "  www.example.test, told by 192.0.2.7, \U0001f914 odd",
    ]
    (document,) = json.loads(vas("reports", "--format", "json")[1])
    assert (document["reporter"], document["text"], document["authority"]) == ("192.0.2.7", "\U0001f914 odd", None)
    assert document["names"] == ["www.example.test"]


def test_the_report_key_is_what_openssl_says() -> None:
    words = ["openssl", "pkey", "-in", "report-key.pem", "-pubout", "-outform", "DER"]
    expected = subprocess.run(words, check=True, capture_output=True).stdout
    assert base64.b64decode(vas("report-key")[1]) == expected


def test_a_notice_is_sent_listed_and_shown() -> None:
    Path("alder.pem").write_bytes(ALDER.root.pem)
    code, out, _ = vas("incident", "send", "--ca", "alder.pem", "--reason", "its key was stolen")
    said = Incident(OWN, Kind.CA, ROOT, NOW + HOUR, "its key was stolen")
    name = sha256(said.encode()).hex()
    assert (code, out) == (0, f"notice {name}: ca {ROOT.hex()}\n")
    assert vas("incident", "list")[1].splitlines() == [
        "said (UTC)        by the VA         about",
        f"2026-03-02 13:00  {OWN.hex()}  ca",
        f"  notice {name},",
        f"  {ROOT.hex()}, its key was",
        "  stolen",
    ]
    shown = json.loads(vas("incident", "show", name)[1])
    signed = parse_incident(base64.b64decode(shown["der"]))
    signed.signed.verify_signature()
    assert signed.statement == said
    (listed,) = json.loads(vas("incident", "list", "--format", "json")[1])
    assert shown == listed | {"der": shown["der"]}
    assert vas("distrust", "list", "--format", "json")[1] == "[]\n"


@pytest.mark.parametrize("kind", Kind)
def test_a_notice_becomes_a_refusal_in_one_command(kind: Kind) -> None:
    name = notice(Incident(OTHER, kind, ROOT, NOW, "its key was stolen"))
    assert vas("distrust", "adopt", name)[0] == 0
    (refused,) = json.loads(vas("distrust", "list", "--format", "json")[1])
    named = {"spki": ROOT.hex(), "certificate": None} if kind is Kind.CA else {"spki": None, "certificate": ROOT.hex()}
    by = f"the VA {OTHER.hex()}, notice {name}"
    added = {"subject": None, "added": "2026-03-02T13:00:00Z", "by": by, "reason": "its key was stolen"}
    assert refused == named | added
    engine = open_database("sqlite:///vas.sqlite")
    assert DistrustLog(engine).refuses({ROOT})
    engine.dispose()
    assert vas("distrust", "adopt", name)[::2] == (
        2,
        f"mecai: {ROOT.hex()}: is distrusted already; see `mecai vas distrust list`\n",
    )
    assert vas("distrust", "remove", ROOT.hex())[0] == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("distrust", "adopt", "00" * 32), f"{'00' * 32}: there is no such notice; see `mecai vas incident list`"),
        (("incident", "show", "00" * 32), f"{'00' * 32}: there is no such notice; see `mecai vas incident list`"),
        (("incident", "send", "--reason", "x"), "give either --ca or --certificate"),
        (("incident", "send", "--ca", "none", "--reason", "x"), "none: is neither a file nor a SHA-256"),
        (("incident", "send", "--ca", "site.pem", "--reason", "x"), "site.pem: is no certificate of a CA"),
        (("incident", "send", "--ca", "00" * 32, "--reason", ""), "--reason: expected 1 to 1000"),
    ],
)
def test_what_cannot_be_said(words: tuple[str, ...], line: str) -> None:
    Path("site.pem").write_bytes(SITE.pem)
    code, out, err = vas(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"mecai: {line}")


def test_without_a_report_key_nobody_can_be_told(tmp_path: Path) -> None:
    write(tmp_path / "vas.toml", LEAST + DIRECTORY)
    for words in (("report-key",), ("incident", "send", "--certificate", "00" * 32, "--reason", "x")):
        code, _, err = vas(*words)
        assert (code, err.startswith("mecai: the server's configuration names no report_key")) == (2, True)
