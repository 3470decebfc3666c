"""`mecai vas log`, `dispute` and `expedite`; `mecai sidecar succession`: what an operator sees and signs."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from mecai.cli import hashes, sidecar, vas
from mecai.errors import InputError
from mecai.protocol.objects.expedite import parse_expedite
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.succession import parse_succession
from mecai.protocol.pki.identity import hash_of
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.complaints import ComplaintLog, Objection
from mecai.vas.storage.database import migrate, open_database
from mecai.vas.storage.vouchers import VoucherLog
from tests.pki import HOUR, NOW, Hierarchy, key
from tests.unit.vas.test_config import DIRECTORY, LEAST, write
from tests.unit.vas.test_logs import voucher_for

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
SITE = ALDER.server("www.example.test", "example.test")
OTHER = ALDER.server("other.example.test")
HASH = hash_of(SITE.certificate)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the configuration of a VAS whose log has two certificates, of which one is disputed."""
    monkeypatch.chdir(tmp_path)
    for module in (vas, sidecar):
        monkeypatch.setattr(module, "now", lambda: NOW + 2 * HOUR)
    engine = open_database("sqlite:///vas.sqlite")
    migrate(engine)
    log = CertificateLog(engine)
    for server, moment in ((SITE, NOW), (OTHER, NOW + HOUR)):
        log.sight(VoucherRequest(server.der, server.chain_der[1:], (bytes([198, 18, 0, 1]),), 443), "192.0.2.7", moment)
    log.release(hash_of(OTHER.certificate), NOW + HOUR, "renewal")
    ComplaintLog(engine).keep(Objection(HASH, "example.test", "192.0.2.9"), NOW + HOUR)
    engine.dispose()
    return str(write(tmp_path / "vas.toml", LEAST + DIRECTORY))


def run(command: click.Command, *words: str) -> str:
    return CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False).output


def test_the_log_for_people(config: str) -> None:
    assert run(vas.command, "log", "--config", config).splitlines() == [
        "certificate       first seen (UTC)  standing                         vouchers",
        f"{hash_of(OTHER.certificate).hex()[:16]}  2026-03-02 13:00  no hold: renewal                 0",
        "  other.example.test",
        f"{HASH.hex()[:16]}  2026-03-02 12:00  disputed since 2026-03-02 13:00  0",
        "  www.example.test, example.test",
    ]


def test_the_log_for_programs(config: str) -> None:
    (entry,) = json.loads(run(vas.command, "log", "--config", config, "--format", "json", "--certificate", HASH.hex()))
    assert entry == {
        "certificate": HASH.hex(),
        "names": ["www.example.test", "example.test"],
        "notAfter": f"{SITE.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "firstSeen": "2026-03-02T12:00:00Z",
        "holdEnd": "2026-03-05T12:00:00Z",
        "releasedBy": None,
        "disputed": "2026-03-02T13:00:00Z",
        "requests": [
            {
                "requester": "192.0.2.7",
                "addresses": ["198.18.0.1"],
                "first": "2026-03-02T12:00:00Z",
                "last": "2026-03-02T12:00:00Z",
            }
        ],
        "notifications": ["first-sight: not yet tried", "complaint to example.test: not yet tried"],
        "objections": ["example.test: not decided"],
        "vouchers": 0,
        "lastVoucher": None,
        "lastPerspectives": [],
    }


def test_who_saw_what_was_vouched_for(config: str) -> None:
    name, engine = hash_of(OTHER.certificate), open_database("sqlite:///vas.sqlite")
    assert VoucherLog(engine, 2 * HOUR).record(voucher_for(name), b"voucher", "192.0.2.7", ["vas", "east", "south"])
    engine.dispose()
    words = ("log", "--config", config, "--certificate", name.hex())
    (entry,) = json.loads(run(vas.command, *words, "--format", "json"))
    assert (entry["vouchers"], entry["lastVoucher"]) == (1, "2026-03-02T12:00:00Z")
    assert entry["lastPerspectives"] == ["vas", "east", "south"]
    below = run(vas.command, *words).splitlines()[-1]
    assert below == "  other.example.test, seen from vas + east + south"


def test_the_newest_of_the_log(config: str) -> None:
    (entry,) = json.loads(run(vas.command, "log", "--config", config, "--format", "json", "--limit", "1"))
    assert (entry["names"], entry["releasedBy"]) == (["other.example.test"], "renewal")


def test_a_certificate_that_is_not_in_the_log(config: str) -> None:
    with pytest.raises(InputError, match="is not in the log"):
        run(vas.command, "log", "--config", config, "--certificate", "00" * 32)
    with pytest.raises(click.BadParameter, match="'00' is no SHA-256; expected 64 hexadecimal digits"):
        run(vas.command, "log", "--config", config, "--certificate", "00")


def test_a_hash_as_openssl_writes_it() -> None:
    assert hashes.HASH.convert(HASH.hex(":").upper(), None, None) == HASH


def test_an_objection_is_decided(config: str) -> None:
    listed = run(vas.command, "dispute", "list", "--config", config)
    assert listed.splitlines() == [
        "raised (UTC)      decision     domain",
        "2026-03-02 13:00  not decided  example.test",
        f"  {HASH.hex()}",
    ]
    words = ("dispute", "resolve", "--config", config, "--reason", "it is his")
    assert run(vas.command, *words, "--dismiss", HASH.hex()) == f"dismissed: 1 objection to {HASH.hex()}\n"
    (entry,) = json.loads(run(vas.command, "dispute", "list", "--config", config, "--format", "json"))
    assert entry == {
        "certificate": HASH.hex(),
        "domain": "example.test",
        "raised": "2026-03-02T13:00:00Z",
        "requester": "192.0.2.9",
        "decided": "2026-03-02T14:00:00Z",
        "decision": "dismissed",
        "reason": "it is his",
    }
    with pytest.raises(InputError, match="no objection to it is open"):
        run(vas.command, *words, "--uphold", HASH.hex())
    with pytest.raises(InputError, match="give either --dismiss or --uphold"):
        run(vas.command, *words, HASH.hex())


def file(path: Path, content: bytes, mode: int = 0o644) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_va_speaks_for_a_certificate(tmp_path: Path, config: str) -> None:
    text = Path(config).read_text(encoding="utf-8")
    for name, content in (("key", BIRCH.voucher.key_pem), ("certificate", BIRCH.voucher.pem), ("root", BIRCH.root.pem)):
        file(tmp_path / f"{name}.pem", content, 0o600)
        text = "\n".join(f'{name} = "{name}.pem"' if row.startswith(f"{name} ") else row for row in text.splitlines())
    Path(config).write_text(text, encoding="utf-8")
    words = ("--certificate", file(tmp_path / "site.pem", SITE.pem), "--reason", "moved", "--hours", "3", "--out", "x")
    said = run(vas.command, "expedite", "sign", "--config", config, *words)
    assert said == f"x: until 2026-03-02 17:00 UTC, for {HASH.hex()}\n"
    signed = parse_expedite(Path("x").read_bytes())
    signed.signed.verify_signature()
    assert signed.signed.certificate == BIRCH.voucher.certificate
    assert (signed.statement.reason, signed.statement.expires_at) == ("moved", NOW + 5 * HOUR)
    with pytest.raises(InputError, match="--reason: expected 1 to 1000 characters"):
        run(vas.command, "expedite", "sign", "--config", config, *words[:2], "--reason", "", "--out", "x")


def test_a_server_names_its_next_certificate(tmp_path: Path, config: str) -> None:
    del config
    new = ALDER.server("www.example.test", server_key=key("next"), days=91)
    words: dict[str, Any] = {
        "--old": file(tmp_path / "old.pem", SITE.pem),
        "--key": file(tmp_path / "old.key", SITE.key_pem, 0o600),
        "--new": file(tmp_path / "new.pem", new.pem),
        "--out": str(tmp_path / "succession"),
    }

    def sign(**changes: str) -> str:
        return run(sidecar.command, "succession", *sum((words | changes).items(), ()))

    assert sign().endswith("; good for 24 hours\n")
    signed = parse_succession((tmp_path / "succession").read_bytes())
    signed.signed.verify_signature()
    assert (signed.statement.old, signed.statement.new) == (HASH, hash_of(new.certificate))
    assert signed.statement.time == NOW + timedelta(hours=2)
    with pytest.raises(InputError, match=r"old\.key: is not the key of the certificate in .*new\.pem"):
        sign(**{"--old": words["--new"]})
    with pytest.raises(InputError, match=r"old\.pem: is the same certificate as in"):
        sign(**{"--new": words["--old"]})
