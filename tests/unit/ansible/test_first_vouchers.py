"""A run that gets no voucher, since the certificate is on hold, changes nothing; one that gets the first says so."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.cli.show.sidecar import document
from mecai.sidecar.standing import StapleStatus, State
from tests.pki import NOW
from tests.unit.ansible.running import ANSIBLE, play

STAPLE = StapleStatus("www.example.org", "ocsp", "ocsp.example.org", State.GOOD, "", NOW, NOW)
HELD = StapleStatus("www.example.org", "voucher", "vas.example.net", State.MISSING, "on hold until then")
FETCHED = StapleStatus("www.example.org", "voucher", "vas.example.net", State.GOOD, "", NOW, NOW)


def _first_fetch(folder: Path) -> dict[str, Any]:
    """Read the role's task, for the user who runs the tests and a state folder of the test's own."""
    text = (ANSIBLE / "roles" / "voucher_sidecar" / "tasks" / "main.yml").read_text(encoding="utf-8")
    tasks = yaml.safe_load(re.sub(r"become\w*: .*", "", text).replace("/var/lib/mecai-sidecar", str(folder)))
    inner = [each for task in tasks for each in task.get("block", [])]
    (task,) = (task for task in inner if task["name"] == "Fetch the first vouchers")
    return dict(task)


@pytest.mark.parametrize(
    ("rows", "code", "changed"),
    [([STAPLE, HELD], 1, 0), ([HELD, STAPLE], 1, 0), ([STAPLE, HELD, FETCHED], 1, 1), ([STAPLE, FETCHED], 0, 1)],
    ids=["held", "held, staple last", "one of two", "all"],
)
def test_what_a_first_round_brings(
    rows: list[StapleStatus], code: int, changed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"healthy": not code, "items": [document(row, NOW) for row in rows]}
    program = tmp_path / "bin" / "mecai"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer, indent=2)}\nEND\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    ran = play(tmp_path, [_first_fetch(tmp_path)])
    assert ran.returncode == 0, ran.stdout
    assert f"changed={changed} " in ran.stdout


def test_where_there_is_a_voucher_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "staples" / "site").mkdir(parents=True)
    (tmp_path / "staples" / "site" / "va.voucher").touch()
    for option in ((), ("--check",)):
        ran = play(tmp_path, [_first_fetch(tmp_path)], *option)
        assert ran.returncode == 0, ran.stdout
        assert "changed=0 " in ran.stdout


def test_a_check_says_that_a_run_would_fetch(tmp_path: Path) -> None:
    ran = play(tmp_path, [_first_fetch(tmp_path)], "--check")
    assert ran.returncode == 0, ran.stdout
    assert "changed=1 " in ran.stdout
