"""`mecai client` as a person and as a program meet it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mecai.protocol.objects.report import parse_report
from tests.integration.client_servers import PAGE, flooding_server, imap_before, openssl_server
from tests.patience import SECONDS
from tests.unit.client.world import World

MECAI = Path(sys.executable).with_name("mecai")
SOME_TIME = "10"  # seconds: on a busy machine the program takes some of them to load itself
world = World()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write what a client reads."""
    path = tmp_path_factory.mktemp("client")
    world.write_config(path)
    with (path / "client.toml").open("a") as settings:
        settings.write('allowed_networks = ["127.0.0.0/8"]\n')
    return path


@pytest.fixture(scope="module")
def vouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with vouchers."""
    answer = world.answer("birch", "cedar", "dogwood")
    with openssl_server(world, tmp_path_factory.mktemp("vouched"), answer) as port:
        yield port


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server without."""
    with openssl_server(world, tmp_path_factory.mktemp("bare"), None) as port:
        yield port


def mecai(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(MECAI), "client", words[0], "--config", str(folder / "client.toml"), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * SECONDS)


def document(result: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_get_says_who_vouched_and_shows_the_page(folder: Path, vouched: int) -> None:
    result = mecai(folder, "get", f"https://localhost:{vouched}/index.html")
    assert (result.returncode, result.stderr) == (0, "")
    assert "accepted" in result.stdout.splitlines()[0]
    costs = ("first flight  █", "octets asked", "no round trip more")
    for words in (*costs, "vouched by", "owner", "✓ V9", "it names the address that answered", "ocsp", "handshake"):
        assert words in result.stdout
    assert result.stdout.rstrip().endswith(PAGE)


def test_get_json(folder: Path, vouched: int) -> None:
    result = mecai(folder, "get", f"https://localhost:{vouched}/index.html", "--format", "json", "--profile", "strict")
    found = document(result)
    assert (result.returncode, found["verdict"], found["reason"]) == (0, "accepted", None)
    assert {voucher["name"] for voucher in found["vouchers"]} <= {"birch", "cedar", "dogwood"}
    assert len(found["vouchers"]) >= 2
    assert found["vouchers"][0].keys() >= {"authority", "name", "ownerGroup", "thisUpdate", "nextUpdate", "evidence"}
    assert len(found["candidates"]) == 4
    assert found["tls"]["staple"] is True
    answer, octets = world.answer("birch", "cedar", "dogwood"), found["tls"]["octets"]
    assert octets["chain"] >= sum(map(len, world.site.chain_der))  # openssl sends the end entity twice
    assert (octets["staple"], abs(octets["vouchers"] - len(answer)) < 100) == (len(world.staple), True)
    assert (octets["request"], found["tls"]["roundTrips"]) == (2 + 1 + 4 * 8 + 1 + 4 + 2, 0)
    assert found["timings"].keys() == {"connect", "handshake", "verification"}
    assert (found["page"]["status"], found["page"]["body"]) == (200, PAGE)


def test_check_asks_for_no_page(folder: Path, vouched: int) -> None:
    result = mecai(folder, "check", f"localhost:{vouched}", "--format", "json")
    assert (result.returncode, document(result)["verdict"]) == (0, "accepted")
    assert "page" not in document(result)


def test_a_refusal_says_why_and_what_to_do(folder: Path, bare: int) -> None:
    result = mecai(folder, "get", f"https://localhost:{bare}/index.html")
    assert result.returncode == 1
    for words in ("refused", "no-voucher (rule C1)", "No Voucher Authority", "what to do", "asked for"):
        assert words in result.stdout
    assert PAGE not in result.stdout


def test_a_refusal_becomes_a_report_where_one_is_wanted(folder: Path, tmp_path: Path, bare: int) -> None:
    """M3: written for who asked for it, and sent by nobody."""
    result = mecai(folder, "check", f"localhost:{bare}", "--report", str(tmp_path / "report.json"))
    assert (result.returncode, result.stderr) == (1, "")
    written = (tmp_path / "report.json").read_bytes()
    report = parse_report(written)
    assert (report.chain[0], set(report.chain)) == (world.site.certificate, set(world.site.chain))
    assert (report.address, report.port) == (bytes([127, 0, 0, 1]), bare)
    assert (report.verdict, report.reason, report.text) == ("refused", "no-voucher", None)
    assert json.loads(written)["address"] == "127.0.0.1"


def test_what_was_accepted_can_be_reported_too(folder: Path, tmp_path: Path, vouched: int) -> None:
    mecai(folder, "check", f"localhost:{vouched}", "--report", str(tmp_path / "report.json"))
    report = parse_report((tmp_path / "report.json").read_bytes())
    assert (report.verdict, report.reason) == ("accepted", None)


def test_what_came_after_starttls_can_be_reported_too(folder: Path, tmp_path: Path, bare: int) -> None:
    """F1 asks for the chain, the address and the port, wherever TLS began there; nobody connects to it again."""
    with imap_before(bare) as port:
        words = ("--starttls", "imap", f"localhost:{port}", "--report", str(tmp_path / "report.json"))
        result = mecai(folder, "check", *words)
    assert (result.returncode, result.stderr) == (1, "")
    report = parse_report((tmp_path / "report.json").read_bytes())
    assert (report.chain[0], report.port) == (world.site.certificate, port)
    assert (report.verdict, report.reason) == ("refused", "no-voucher")


def test_what_showed_no_certificate_is_no_report(folder: Path, tmp_path: Path) -> None:
    with openssl_server(world, tmp_path, b"\0\2\0\1", "-tls1_3") as port:
        result = mecai(folder, "check", f"localhost:{port}", "--report", str(tmp_path / "report.json"))
    assert (result.returncode, result.stderr) == (1, "mecai: report: the server showed no certificate\n")
    assert not (tmp_path / "report.json").exists()


def test_a_refusal_as_json(folder: Path, bare: int) -> None:
    result = mecai(folder, "check", f"localhost:{bare}", "--format", "json")
    found = document(result)
    assert (result.returncode, found["verdict"], found["reason"]) == (1, "refused", "no-voucher")
    assert (found["vouchers"], len(found["candidates"])) == ([], 3)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_an_answer_that_cannot_be_read(folder: Path, tmp_path: Path, version: str) -> None:
    """T4: the handshake ends, before any certificate was shown; that is a refusal with its reason all the same."""
    with openssl_server(world, tmp_path, b"\0\2\0\1", version) as port:
        shown = mecai(folder, "check", f"localhost:{port}")
        found = document(mecai(folder, "check", f"localhost:{port}", "--format", "json"))
    assert (shown.returncode, shown.stderr) == (1, "")
    assert "malformed (rule T4)" in shown.stdout
    assert (found["verdict"], found["reason"], found["tls"]["certificate"]) == ("refused", "malformed", None)


def test_warn_and_off_go_on(folder: Path, bare: int) -> None:
    for mode, reason in (("warn", "no-voucher"), ("off", "not-checked")):
        result = mecai(folder, "get", f"https://localhost:{bare}/index.html", "--format", "json", "--mode", mode)
        found = document(result)
        assert (result.returncode, found["verdict"], found["reason"]) == (0, "warned", reason)
        assert found["page"]["body"] == PAGE


def test_nothing_there(folder: Path) -> None:
    result = mecai(folder, "check", "localhost:1", "--format", "json")
    assert (result.returncode, document(result)["reason"]) == (3, "unreachable")


def test_another_name(folder: Path, vouched: int) -> None:
    result = mecai(folder, "check", f"127.0.0.2:{vouched}", "--format", "json")
    assert (result.returncode, document(result)["reason"]) == (3, "unreachable")


def test_a_page_that_does_not_come(folder: Path, tmp_path: Path) -> None:
    with openssl_server(world, tmp_path, world.answer("birch", "cedar", "dogwood"), "-rev") as port:
        result = mecai(folder, "get", f"https://localhost:{port}/", "--format", "json", "--timeout", SOME_TIME)
    assert result.returncode == 3
    assert document(result)["verdict"] == "accepted"
    assert "connected, but got no page" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("get", "ftp://localhost/"), 2, "is no https URL"),
        (("get", "https://localhost/", "--mode", "perhaps"), 2, "'perhaps' is not one of"),
        (("check", "local host"), 2, "local host"),
    ],
)
def test_bad_input_ends_in_one_line(folder: Path, words: tuple[str, ...], code: int, line: str) -> None:
    result = mecai(folder, *words)
    assert (result.returncode, result.stdout) == (code, "")
    assert line in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_configuration_ends_in_one_line(tmp_path: Path) -> None:
    result = mecai(tmp_path, "check", "localhost")
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (3, "", 1)


def test_a_directory_of_a_stranger_ends_in_one_line_and_advice(tmp_path: Path) -> None:
    world.write_config(tmp_path)
    (tmp_path / "publishers.pem").write_bytes(world.site.pem)
    result = mecai(tmp_path, "check", "localhost")
    said, advice = result.stderr.splitlines()
    assert result.returncode == 1
    assert said.startswith("mecai: directory-untrusted (D2)")
    assert advice
    for_programs = mecai(tmp_path, "check", "localhost", "--format", "json")
    assert (for_programs.returncode, document(for_programs)["reason"]) == (1, "directory-untrusted")
    assert for_programs.stderr == result.stderr


def test_the_secrets_of_a_handshake_are_kept_where_the_environment_says(
    folder: Path, vouched: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    assert mecai(folder, "check", f"localhost:{vouched}").returncode == 0
    assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "keys.log").read_text(encoding="ascii")


def test_timeout_holds_against_a_server_that_sends_hello_requests_without_end(folder: Path) -> None:
    with flooding_server() as port:
        result = mecai(folder, "get", f"https://localhost:{port}/", "--timeout", SOME_TIME, "--format", "json")
    assert (result.returncode, document(result)["reason"]) == (1, "handshake-failed")
    assert "timed out" in result.stdout
