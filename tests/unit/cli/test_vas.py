"""`mecai vas`: check, migrate, and work for ever."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mecai.cli.vas import command
from mecai.errors import InputError
from mecai.vas.storage.database import SCHEMA
from tests.unit.vas.test_config import DIRECTORY, LEAST, write


def run(*words: str) -> str:
    return CliRunner().invoke(command, words, catch_exceptions=False).output


def test_check(tmp_path: Path) -> None:
    path = write(tmp_path / "vas.toml", LEAST + DIRECTORY)
    assert run("check", "--config", str(path)) == f"{path}: good; contexts MOZ; vouchers of 24 h; hold of 72 h\n"


def test_check_names_the_key(tmp_path: Path) -> None:
    path = write(tmp_path / "vas.toml", LEAST.replace("sqlite:", "sqlit:") + DIRECTORY)
    with pytest.raises(InputError, match="database: expected sqlite:///FILE or postgresql"):
        CliRunner().invoke(command, ["check", "--config", str(path)], catch_exceptions=False, standalone_mode=False)


@pytest.mark.parametrize("url", ["postgresql+psycopg://mecai:s3cret@db.example:port/mecai", "postgres:s3cret@db"])
def test_check_tells_no_password(tmp_path: Path, url: str) -> None:
    """What it says goes into the log of whoever writes the settings."""
    path = write(tmp_path / "vas.toml", LEAST.replace("sqlite:///vas.sqlite", url) + DIRECTORY)
    with pytest.raises(InputError, match="database: expected") as refused:
        CliRunner().invoke(command, ["check", "--config", str(path)], catch_exceptions=False, standalone_mode=False)
    assert "s3cret" not in str(refused.value)


def test_migrate_may_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "vas.toml", LEAST + DIRECTORY)
    for done in (f"was migrated to {SCHEMA.head}", "is up to date", "is up to date"):
        assert run("migrate", "--config", str(path)) == f"sqlite:///vas.sqlite: schema {done}\n"
    assert Path("vas.sqlite").exists()


def test_work_tells_systemd_when_it_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role's unit waits for that (Type=notify)."""
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "vas.toml", LEAST + DIRECTORY)
    run("migrate", "--config", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("notify")
        systemd.settimeout(60)
        words = [str(Path(sys.executable).with_name("mecai")), "vas", "work", "--config", str(path)]
        with subprocess.Popen(words, env=os.environ | {"NOTIFY_SOCKET": "notify"}, stderr=subprocess.DEVNULL) as worker:
            try:
                assert systemd.recv(64) == b"READY=1"
            finally:
                worker.terminate()
