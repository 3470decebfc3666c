"""`mecai sidecar`: refresh and status, for people and for programs."""

import json
import os
import pwd
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mecai.cli import sidecar as verb
from mecai.cli import sidecar_export
from mecai.cli.sidecar_settings import as_owner, become_owner
from mecai.errors import HostError, InputError, VerificationError
from mecai.sidecar.config import SidecarConfig
from mecai.vrp.answers import Held, RequestRefused
from tests.directories import directory
from tests.pki import DAY, HOUR, NOW
from tests.scene import authority_entry
from tests.unit.sidecar.conftest import Side, make_side

CONFIG = Path("sidecar.toml")


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Side:
    """Let the verbs find a played world."""
    side = make_side(tmp_path)
    monkeypatch.setattr(verb, "read_config", lambda _: side.config)
    monkeypatch.setattr(verb, "now", lambda: side.now)
    monkeypatch.setattr(verb, "_environment", lambda: side.environment)
    return side


def run(*words: str) -> Result:
    return CliRunner().invoke(verb.command, [*words, "--config", str(CONFIG)], catch_exceptions=False)


def items(result: Result) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in json.loads(result.output)["items"]}


def test_refresh_fetches_everything_and_says_so(side: Side) -> None:
    result = run("refresh", "--format", "json")
    assert (result.exit_code, json.loads(result.output)["healthy"]) == (0, True)
    assert items(result)["birch"] | {"due": None} == {
        "certificate": "www.example.test",
        "kind": "voucher",
        "name": "birch",
        "state": "good",
        "thisUpdate": "2026-03-02T11:55:00+00:00",
        "nextUpdate": "2026-03-03T11:55:00+00:00",
        "age": 300,
        "left": 24 * 3600 - 300,
        "due": None,
        "detail": "",
    }
    run("refresh")
    assert len(side.asked) == 6


def test_something_missing_is_exit_code_1(side: Side) -> None:
    side.answer(side.scene.birch, Held(NOW + 3 * DAY))
    result = run("refresh", "--format", "json")
    assert (result.exit_code, items(result)["birch"]["state"]) == (1, "missing")


def test_status_asks_nobody(side: Side) -> None:
    assert run("status").exit_code == 1
    assert side.asked == []
    side.run()
    side.asked.clear()
    side.now = NOW + HOUR
    result = run("status")
    assert (result.exit_code, side.asked) == (0, [])
    assert " ".join(result.output.splitlines()[2].split()).startswith("www.example.test birch good 1 h 05 min 22 h 55")


def test_what_a_vas_said_is_no_markup(side: Side) -> None:
    side.answer(side.scene.birch, RequestRefused("[red]x[/]"))
    assert "[red]x[/]" in run("refresh").output


def test_the_name_of_an_authority_is_no_markup(side: Side) -> None:
    """Whoever gets into a directory chooses his name; a directory lets printable ones in, whatever they mean here."""
    odd = replace(authority_entry(side.scene.birch), name="[red]birch[/]")
    side.publish(directory(side.scene.alder, odd, sequence=2))
    side.run()
    assert run("status").output.splitlines()[2].split()[:2] == ["www.example.test", "[red]birch[/]"]


def test_root_becomes_the_owner_of_the_state(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    nobody = pwd.getpwnam("nobody")
    os.chown(side.config.state, nobody.pw_uid, nobody.pw_gid)
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr("os.initgroups", lambda *words: calls.append(words))
    monkeypatch.setattr("os.setgid", lambda *words: calls.append(words))
    monkeypatch.setattr("os.setuid", lambda *words: calls.append(words))
    run("status")
    assert calls == [("nobody", nobody.pw_gid), (nobody.pw_gid,), (nobody.pw_uid,)]


def test_a_problem_is_one_line_of_its_own(side: Side) -> None:
    side.run()
    for voucher in side.config.staples.rglob("*.voucher"):
        voucher.write_bytes(b"damaged" * 50)
    lines = run("status").output.splitlines()
    problems = [line for line in lines if line.startswith("www.example.test, ")]
    assert problems == lines[-len(problems) :]
    assert problems[0].startswith("www.example.test, birch: bad: malformed (V1): ContentInfo: ")


@pytest.fixture
def exporting(side: Side, monkeypatch: pytest.MonkeyPatch) -> Side:
    """Let `export` find the played world, too."""
    monkeypatch.setattr(sidecar_export, "read_config", lambda _: side.config)
    monkeypatch.setattr(sidecar_export, "now", lambda: side.now)
    return side


def test_export_writes_a_file_and_runs_the_hook_where_it_changed(exporting: Side, tmp_path: Path) -> None:
    exporting.run()
    out, told = tmp_path / "www.info", tmp_path / "told"
    words = ("export", "--format", "serverinfo", "--out", str(out), "--deploy-hook", f"echo reloaded >>{told}")
    first, second = run(*words), run(*words)
    assert re.fullmatch(r".*www.info: written; 3 for www.example.test, \d+ octets, all good until \S+\n", first.output)
    assert ": unchanged; 3 for" in second.output
    assert told.read_text() == "reloaded\n"
    assert out.read_text().startswith("-----BEGIN SERVERINFOV2 FOR VOUCHER-----\n")
    assert out.stat().st_mode & 0o777 == 0o644


def test_export_replaces_nothing_but_a_file(exporting: Side, tmp_path: Path) -> None:
    """For root, /dev/stdout would be gone for everybody."""
    exporting.run()
    (tmp_path / "link").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path / "link", tmp_path / "pipe", tmp_path):
        with pytest.raises(InputError, match="is no file, and would be replaced"):
            run("export", "--format", "serverinfo", "--out", str(out))
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "pipe").is_fifo()) == (True, True)


def test_export_by_root_works_as_the_owner_of_the_state_and_writes_as_root(
    exporting: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    exporting.run()
    nobody = pwd.getpwnam("nobody")
    os.chown(exporting.config.state, nobody.pw_uid, nobody.pw_gid)
    calls: list[tuple[object, ...]] = []
    for name in ("initgroups", "setegid", "seteuid", "setgroups"):
        monkeypatch.setattr(f"os.{name}", lambda *words, name=name: calls.append((name, *words)))

    def make(*_: object) -> None:
        calls.append(("export",))
        raise VerificationError("no-voucher", "C1", "nothing to export")

    monkeypatch.setattr(sidecar_export, "make_export", make)
    with pytest.raises(VerificationError):
        run("export", "--format", "serverinfo", "--out", str(tmp_path / "out"))
    groups = os.getgroups()
    assert calls == [
        ("initgroups", "nobody", nobody.pw_gid), ("setegid", nobody.pw_gid), ("seteuid", nobody.pw_uid),
        ("export",), ("seteuid", 0), ("setegid", 0), ("setgroups", groups),
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("way", [as_owner, lambda config: nullcontext(become_owner(config))])
def test_an_owner_without_a_name_has_the_folders_group(
    side: Side, monkeypatch: pytest.MonkeyPatch, way: Callable[[SidecarConfig], AbstractContextManager[Any]]
) -> None:
    """As in a container that runs as a number."""
    os.chown(side.config.state, 64_999, 64_998)
    calls: list[tuple[object, ...]] = []
    for name in ("setgid", "setuid", "setegid", "seteuid", "setgroups", "initgroups"):
        monkeypatch.setattr(f"os.{name}", lambda *words, name=name: calls.append((name, *words)))
    with way(side.config):
        assert calls[0] == ("setgroups", [64_998])
        assert [words[-1] for words in calls[1:]] == [64_998, 64_999]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_is_itself_again_where_it_could_not_become_the_owner(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(side.config.state, 64_999, 64_998)

    def fail(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    groups, gid = os.getgroups(), os.getegid()
    monkeypatch.setattr("os.seteuid", lambda uid: None if uid == 0 else fail())
    with pytest.raises(PermissionError), as_owner(side.config):
        pass
    assert (os.getgroups(), os.getegid()) == (groups, gid)


def test_export_says_what_is_left_out(exporting: Side, tmp_path: Path) -> None:
    exporting.run()
    exporting.path(exporting.scene.birch).unlink()
    out = tmp_path / "www.info"
    assert "left out: birch: no-voucher" in run("export", "--format", "serverinfo", "--out", str(out)).output
    exporting.path(exporting.scene.cedar).unlink()
    exporting.path(exporting.scene.dogwood).unlink()
    with pytest.raises(VerificationError, match="nothing to export"):
        run("export", "--format", "serverinfo", "--out", str(out))
    assert out.exists()


def test_export_writes_the_ocsp_response_as_it_is(exporting: Side, tmp_path: Path) -> None:
    exporting.run()
    out, told = tmp_path / "www.pem.ocsp", tmp_path / "told"
    words = ("export", "--format", "ocsp", "--out", str(out), "--deploy-hook", f"echo told >>{told}")
    said = run(*words).output
    assert re.fullmatch(r".*www.pem.ocsp: written; OCSP response for www.example.test, good until \S+Z\n", said)
    assert ": unchanged; OCSP" in run(*words).output
    assert [path.read_bytes() for path in exporting.config.staples.rglob("ocsp.der")] == [out.read_bytes()]
    assert told.read_text() == "told\n"
    assert run(*words, "--empty").exit_code == 2


def test_export_writes_an_empty_file_before_there_is_a_sidecar_and_over_none(tmp_path: Path) -> None:
    out = tmp_path / "www.info"
    words = ("export", "--format", "serverinfo", "--out", str(out), "--empty", "--config", "/nowhere")
    assert run(*words).output == f"{out}: written; no vouchers yet\n"
    out.write_text("vouchers")
    with pytest.raises(InputError, match="exists already"):
        run(*words)
    assert out.read_text() == "vouchers"


def test_export_fails_where_its_hook_fails(exporting: Side, tmp_path: Path) -> None:
    exporting.run()
    with pytest.raises(HostError, match="ended with 7; the file is written"):
        run("export", "--format", "serverinfo", "--out", str(tmp_path / "www.info"), "--deploy-hook", "exit 7")


def test_export_runs_a_hook_again_that_failed(exporting: Side, tmp_path: Path) -> None:
    exporting.run()
    told, words = tmp_path / "told", ("export", "--format", "serverinfo", "--out", str(tmp_path / "www.info"))
    with pytest.raises(HostError, match="ended with 7"):
        run(*words, "--deploy-hook", "exit 7")
    run(*words)  # without a hook nothing is forgotten
    assert ": unchanged;" in run(*words, "--deploy-hook", f"echo reloaded >>{told}").output
    run(*words, "--deploy-hook", f"echo reloaded >>{told}")
    assert told.read_text() == "reloaded\n"
    assert sorted(path.name for path in tmp_path.glob("*www.info*")) == ["www.info"]
