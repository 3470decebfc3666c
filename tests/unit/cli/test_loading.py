"""A verb loads what it uses, when it uses it; the time that this takes is part of its timeout."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from click.testing import CliRunner

from mecai.cli import fetching
from mecai.cli.client import command
from mecai.client.request import Destination
from mecai.net.dial import Unreachable
from mecai.service.deadline import Deadline
from tests.patience import SECONDS

# Tells the modules that a run of the program loaded, before it ends.
LOADED = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from mecai.cli.main import main
main()
"""
MODULES = 180  # click, and some of the standard library; the client alone has 330
CLIENT = {"cryptography", "ssl", "mecai.client.context", "mecai.protocol.limits"}
NEVER = {"asyncio", "rich", "mecai.client.besides", "mecai.client.direct"}  # the latter where a policy wants them


def loaded(*words: str) -> set[str]:
    """Run `mecai` to its end; returns the modules that were loaded then."""
    command = [sys.executable, "-c", LOADED, *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    return set(json.loads(ran.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", ["--help", "client --help", "client get --help"])
def test_help_loads_nothing_of_what_it_tells_of(words: str) -> None:
    modules = loaded(*words.split())
    assert not modules & (CLIENT | NEVER)
    assert len(modules) < MODULES


def test_a_version_is_told_by_next_to_nothing() -> None:
    modules = loaded("--version")
    assert not modules & (CLIENT | NEVER | {"importlib.metadata"})  # what is installed, and mail to parse it
    assert len(modules) < MODULES


def test_a_program_that_imports_the_client_pays_for_it_when_it_uses_it() -> None:
    code = "import json, sys; import mecai.client; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=SECONDS)
    modules = set(json.loads(ran.stdout))
    assert {name for name in modules if name.startswith("mecai")} == {"mecai", "mecai.client"}
    assert not modules & (CLIENT | NEVER)


def test_a_client_loads_what_few_policies_want_where_they_do() -> None:
    """Private networks, whose responders are asked; a file of vouchers."""
    code = "import json, sys; from mecai.client import VoucherContext; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=SECONDS)
    modules = set(json.loads(ran.stdout))
    assert modules >= CLIENT
    assert not modules & (NEVER | {"mecai.client.intranet", "mecai.evidence", "mecai.net.fetch", "sqlite3"})


def test_a_client_loads_neither_asyncio_nor_what_draws_tables_for_programs(tmp_path: Path) -> None:
    (tmp_path / "client.toml").touch()
    options = ("--config", str(tmp_path / "client.toml"), "--format", "json")
    modules = loaded("client", "get", "https://192.0.2.1/", *options)
    assert modules >= CLIENT
    assert not modules & NEVER


@pytest.mark.parametrize("verb", ["ca", "vas"])
def test_a_register_is_kept_without_what_migrates_it(verb: str) -> None:
    modules = loaded(verb, "--help")
    assert "sqlalchemy" in modules
    assert not modules & {"alembic", "sqlalchemy.dialects.postgresql"}


def test_a_voucher_authority_is_looked_after_without_what_its_worker_needs() -> None:
    assert not loaded("vas", "--help") & {"dns", "smtplib", "mecai.vas.worker"}


@pytest.mark.parametrize(("loading", "left"), [(0, 500), (200, 300), (1000, 0)])
def test_a_timeout_counts_from_the_start_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loading: float, left: float
) -> None:
    seen = []

    def connect(_destination: Destination, _context: object, deadline: Deadline, *_more: object) -> NoReturn:
        assert "mecai.cli.show.client" in sys.modules  # what shows the end is loaded before
        seen.append(deadline.left())
        raise Unreachable("timed out")

    monkeypatch.delitem(sys.modules, "mecai.cli.show.client", raising=False)
    monkeypatch.setattr(fetching, "connect", connect)
    monkeypatch.setattr(
        fetching, "_context", lambda *_given: SimpleNamespace(is_private=lambda _host: False, besides=None)
    )
    (tmp_path / "client.toml").touch()
    words = ["get", "https://site.test/", "--timeout", "500", "--config", str(tmp_path / "client.toml")]
    ended = CliRunner().invoke(command, words, obj=time.monotonic() - loading, standalone_mode=False)
    assert ended.return_value == Unreachable.exit_code
    assert left - SECONDS <= seen[0] <= left
