"""The settings that the role `voucher_authority` writes for trust contexts are those that the program reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.vas.config import ContextSource, read_config
from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "voucher_authority"
FILE = {"context": "MOZ", "publishers": "/etc/mecai/publishers.pem", "path": "/etc/mecai/directory.der"}
FETCHED = {"context": "ALT", "publishers": "/etc/mecai/alt.pem", "url": "https://alt.example/directory.der"}
WITH_ROOTS = FETCHED | {"context": "OWN", "roots": "/etc/mecai/roots.pem"}


def written(folder: Path, directories: list[dict[str, str]], **more: str) -> tuple[Path, str]:
    """Write the settings as the role's template has them; return the file, and whether the role fetches."""
    tasks: list[dict[str, Any]] = [
        {
            "name": "Write",
            "ansible.builtin.template": {
                "src": str(ROLE / "templates" / "vas.toml.j2"),
                "dest": f"{folder}/vas.toml",
                "mode": "0600",
            },
        },
        {"name": "Say", "ansible.builtin.debug": {"msg": "fetches: {{ __voucher_authority_fetches }}"}},
    ]
    given = {"voucher_authority_directories": directories, "voucher_authority_host_name": "vas.birch.test", **more}
    files = [f"{ROLE}/{part}/main.yml" for part in ("defaults", "vars")]
    ran = play(folder, tasks, "-e", json.dumps(given), vars_files=files)
    assert ran.returncode == 0, ran.stdout
    return folder / "vas.toml", ran.stdout


def _source(given: dict[str, str]) -> ContextSource:
    paths = {key: Path(given[key]) for key in ("publishers", "path", "roots") if key in given}
    return ContextSource(given["context"], url=given.get("url"), **paths)


@pytest.mark.parametrize(
    ("directories", "fetches"), [([FILE], False), ([FILE, FETCHED, WITH_ROOTS], True)], ids=["files", "fetched"]
)
def test_the_program_reads_the_contexts_that_the_role_was_given(
    tmp_path: Path, directories: list[dict[str, str]], *, fetches: bool
) -> None:
    path, said = written(tmp_path, directories)
    assert read_config(path).directories == tuple(map(_source, directories))
    assert f"fetches: {fetches}" in said


def test_the_timer_and_the_run_fetch_by_one_command() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "contexts.yml").read_text(encoding="utf-8"))
    by_timer = tasks[1]["vars"]["service_command"].split()
    assert by_timer[1:4] == tasks[3]["ansible.builtin.command"]["argv"][1:] == ["vas", "context", "refresh"]


@pytest.mark.parametrize("option", [(), ("--check",)])
def test_a_fetch_that_fails_ends_no_run_and_is_told(tmp_path: Path, option: tuple[str, ...]) -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "contexts.yml").read_text(encoding="utf-8"))[3:]
    tasks[0]["ansible.builtin.command"]["argv"] += ["--config", f"{tmp_path}/none.toml"]
    tasks[0] |= {"become": False}
    ran = play(tmp_path, tasks, *option)
    assert ran.returncode == 0, ran.stdout
    assert "changed=0" in ran.stdout
    assert ("none.toml: cannot be read" in ran.stdout) is not bool(option)
