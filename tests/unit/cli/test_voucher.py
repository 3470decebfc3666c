"""`mecai voucher`: what it shows and judges; exit codes 0, 1, 2, 3."""

import json
from pathlib import Path

import pytest

from mecai.protocol.objects.voucher import parse_voucher
from mecai.reasons import REASONS
from tests.scene import PUBLISHER, Scene
from tests.unit.cli.program import Ended, mecai

SCENE = Scene()
AT = "2026-03-02T12:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a voucher, the server's chain, the directory and its publisher."""
    (tmp_path / "voucher.der").write_bytes(SCENE.voucher(SCENE.birch))
    (tmp_path / "chain.pem").write_bytes(SCENE.site.chain_pem)
    (tmp_path / "directory.der").write_bytes(SCENE.signed_directory())
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    return tmp_path


def verify(folder: Path, *more: object, address: str = "198.18.0.10", at: str = AT) -> Ended:
    words = ["--chain", folder / "chain.pem", "--address", address, "--directory", folder / "directory.der"]
    words += ["--publishers", folder / "publishers.pem"]
    return mecai("voucher", "verify", folder / "voucher.der", *words, "--at", at, *more)


def test_view_for_people(folder: Path) -> None:
    ended = mecai("voucher", "view", folder / "voucher.der")
    assert ended.code == 0
    for text in ("198.18.0.10", "MOZ", "CN=birch VA", "2026-03-03T11:55:00+00:00", "ECDSA with sha256"):
        assert text in ended.out


def test_view_for_programs(folder: Path) -> None:
    document = json.loads(mecai("voucher", "view", folder / "voucher.der", "--format", "json").out)
    voucher = parse_voucher((folder / "voucher.der").read_bytes())
    assert document["hash"] == voucher.hash.hex()
    assert document["addresses"] == ["198.18.0.10"]
    assert [entry["method"] for entry in document["statusEvidence"]] == ["ocsp", "ocsp"]


def test_verify_accepts(folder: Path) -> None:
    ended = verify(folder)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("good; birch vouches for 198.18.0.10 until 2026-03-03T11:55:00Z\n")
    document = json.loads(verify(folder, "--format", "json").out)
    assert (document["verdict"], document["reason"], document["name"]) == ("accepted", None, "birch")


def test_verify_refuses_with_reason_and_rule(folder: Path) -> None:
    ended = verify(folder, "--format", "json", address="198.18.0.11")
    assert ended.code == 1
    assert ended.err.startswith("mecai: address-mismatch (V9)")
    assert ended.err.endswith(f"\n{REASONS['address-mismatch'].advice}\n")
    document = json.loads(ended.out)
    assert (document["verdict"], document["reason"], document["rule"]) == ("refused", "address-mismatch", "V9")
    assert verify(folder, at="2026-03-03T11:55:00Z").err.startswith("mecai: expired (V7)")


def test_a_damaged_voucher_is_refused_and_cannot_be_viewed(folder: Path) -> None:
    (folder / "voucher.der").write_bytes(b"damaged")
    assert (verify(folder).code, mecai("voucher", "view", folder / "voucher.der").code) == (1, 2)
    assert verify(folder).err.startswith("mecai: malformed (V1)")


def test_bad_input_and_environment(folder: Path) -> None:
    assert verify(folder, address="www.example.test").code == 2
    (folder / "chain.pem").write_text("no PEM")
    assert verify(folder).code == 2
    (folder / "chain.pem").unlink()
    assert verify(folder).code == 3
    assert mecai("voucher", "view", folder / "missing").code == 3
