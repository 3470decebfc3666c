"""`mecai voucher request` against a real HTTPS server: the voucher, the refusal in one line, the exit codes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.protocol.objects.request import VoucherRequest
from tests.directories import PUBLISHER, directory, signed
from tests.integration.played_vas import NOW, TLS, Vas, answering
from tests.ports import free_port
from tests.scene import ADDRESS, Scene, authority_entry
from tests.unit.cli.program import Ended, mecai

SCENE = Scene()
VOUCHER = SCENE.voucher(SCENE.birch)
PROBLEM = "application/problem+json"


@pytest.fixture
def vas(tmp_path: Path) -> Iterator[Vas]:
    vas = Vas(tmp_path)
    vas.handle = answering(200, "application/mecai-voucher", VOUCHER)
    yield vas
    vas.close()


@pytest.fixture
def folder(tmp_path: Path, vas: Vas) -> Path:
    """Return a folder with the server's chain, the roots of the VAS, a directory that names it, and its publisher."""
    entry = replace(authority_entry(SCENE.birch), servers=(vas.server(), vas.server()))
    (tmp_path / "chain.pem").write_bytes(SCENE.site.chain_pem)
    (tmp_path / "roots.pem").write_bytes(TLS.root.pem)
    (tmp_path / "directory.der").write_bytes(signed(directory(entry, issued=NOW)))
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    return tmp_path


def request(folder: Path, *more: object, address: str = "198.18.0.10") -> Ended:
    return mecai("voucher", "request", "--chain", folder / "chain.pem", "--address", address, *more)


def by_url(folder: Path, vas: Vas, *more: object) -> Ended:
    return request(folder, "--url", vas.server().url, "--roots", folder / "roots.pem", *more)


def by_name(folder: Path, authority: str) -> Ended:
    words = ["--directory", folder / "directory.der", "--publishers", folder / "publishers.pem"]
    return request(folder, *words, "--authority", authority)


def test_a_voucher_is_shown_and_written(folder: Path, vas: Vas) -> None:
    ended = by_url(
        folder, vas, "--out", folder / "voucher.der", "--format", "json", "--server-name", "www.example.test"
    )
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["addresses"] == ["198.18.0.10"]
    assert (folder / "voucher.der").read_bytes() == VOUCHER
    ((path, body),) = vas.requests
    asked = VoucherRequest.decode(body)
    assert (path, asked.addresses, asked.port, asked.server_name) == (
        "/v1/vouchers",
        (ADDRESS,),
        443,
        "www.example.test",
    )
    assert (asked.certificate, *asked.intermediates) == SCENE.site.chain_der


def test_what_the_former_key_states_goes_along(folder: Path, vas: Vas) -> None:
    (folder / "succession.der").write_bytes(b"stated")
    assert by_url(folder, vas, "--succession", folder / "succession.der").code == 0
    ((_, body),) = vas.requests
    assert VoucherRequest.decode(body).succession == b"stated"


def test_the_directory_names_the_server(folder: Path) -> None:
    for authority in ("birch", authority_entry(SCENE.birch).authority.hex()):
        ended = by_name(folder, authority)
        assert (ended.code, ended.err) == (0, "")
        assert "CN=birch VA" in ended.out


@pytest.mark.parametrize(("status", "code", "asked"), [(403, 1, 1), (503, 3, 2)])
def test_a_problem_document_is_one_line(folder: Path, vas: Vas, status: int, code: int, asked: int) -> None:
    """What the authority refuses is a verdict; a server that cannot answer gives way to the next."""
    vas.handle = answering(status, PROBLEM, json.dumps({"type": "tag:x:problem/revoked", "detail": "it was stolen"}))
    ended = by_name(folder, "birch")
    assert (ended.code, ended.out) == (code, "")
    assert ended.err == f"mecai: {vas.server().url}: revoked: it was stolen\n"
    assert len(vas.requests) == asked


def test_a_hold_says_when_to_come_again(folder: Path, vas: Vas) -> None:
    vas.handle = answering(202, "application/json", '{"holdEnd": "2026-03-05T12:00:00Z", "reason": "first seen"}')
    ended = by_url(folder, vas)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "ask again after 2026-03-05T12:00:00Z" in ended.err


def test_what_is_no_voucher_is_not_written(folder: Path, vas: Vas) -> None:
    vas.handle = answering(200, "application/mecai-voucher", b"damaged")
    ended = by_url(folder, vas, "--out", folder / "voucher.der")
    assert ended.code == 1
    assert ended.err.startswith("mecai: malformed (V1)")
    assert not (folder / "voucher.der").exists()


def test_nobody_answers(folder: Path) -> None:
    port = free_port()
    ended = request(folder, "--url", f"https://127.0.0.1:{port}", "--roots", folder / "roots.pem")
    assert (ended.code, ended.err.count("\n")) == (3, 1)


def test_usage(folder: Path, vas: Vas) -> None:
    roots = ("--roots", folder / "roots.pem")
    for ended, words in (
        (request(folder), "--url and --roots"),
        (request(folder, "--url", "https://vas.test"), "--url and --roots"),
        (request(folder, "--url", "http://vas.test", *roots), "no https URL"),
        (request(folder, "--url", "https://vas.test", *roots, address="www"), "no IP address"),
        (by_url(folder, vas, "--address", "198.18.0.10"), "chain.pem: addresses: duplicate"),
        (by_url(folder, vas, "--server-name", "WWW"), "serverName"),
        (by_name(folder, "maple"), "which has birch"),
    ):
        assert ended.code == 2
        assert words in ended.err
    assert vas.requests == []
