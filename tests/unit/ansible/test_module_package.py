"""The nginx module's package is built beside what a run does next, once; its end is waited for, and told."""

import base64
import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "voucher_module_package"
PACKAGE = "libnginx-mod-voucher.deb"
PARTS = (PACKAGE, "libnginx-mod-stream-voucher.deb", "libnginx-mod-mail-voucher.deb")
BUILDER = """\
#!/bin/sh
mkdir ../building && sleep 0.5 && cd .. || exit
for part in "" stream- mail-; do echo "x$part" >"libnginx-mod-${part}voucher_1.deb"; done
"""
# In the place of the builder; it ends when the run has gone on.
BUILD = f"""\
cat >"$1/sources"
timeout 60 sh -c 'until test -e "$0"; do sleep 0.1; done' "$1/meanwhile"
mv "$1/sources" "$1/{PACKAGE}"
"""


def tasks(name: str) -> list[dict[str, Any]]:
    """Read a file of tasks, those in its blocks in their place, as the user who runs the tests."""
    text = (ROLE / "tasks" / f"{name}.yml").read_text(encoding="utf-8").replace("become: true", "become: false")
    return [each for task in yaml.safe_load(text) for each in task.get("block", [task])]


def build(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Begin to build as the role does, do something else, then wait as the role does."""
    (folder / "files").mkdir(exist_ok=True)
    (folder / "files" / "build-package").write_text(script, encoding="utf-8")
    begin = [task for task in tasks("build") if task["name"] in {"Look for the package", "Build the package"}]
    meanwhile = {"name": "Go on", "ansible.builtin.file": {"path": str(folder / "meanwhile"), "state": "touch"}}
    wait = [task for task in tasks("main") if "ansible.builtin.async_status" in task]
    given = {
        "__voucher_module_package_folder": str(folder),
        "__voucher_module_package_archive": "sources",
        "__voucher_module_package_seconds": 60,
        "ansible_async_dir": str(folder / "jobs"),
    }
    return play(folder, [*begin, meanwhile | {"changed_when": False}, *wait], "-e", json.dumps(given), *arguments)


def test_a_package_is_built_beside_what_comes_next_and_once(tmp_path: Path) -> None:
    first = build(tmp_path, BUILD)
    assert first.returncode == 0, first.stdout
    assert "changed=1 " in first.stdout
    assert (tmp_path / PACKAGE).read_text() == "sources\n"
    assert not list((tmp_path / "jobs").iterdir())
    again = build(tmp_path, "exit 1")
    assert again.returncode == 0, again.stdout
    assert "changed=0 " in again.stdout


def test_a_build_that_fails_ends_the_run_with_its_last_words(tmp_path: Path) -> None:
    ran = build(tmp_path, "echo no compiler >&2; exit 1")
    assert ran.returncode != 0
    assert "no compiler" in ran.stdout


@pytest.mark.parametrize("built", [False, True])
def test_a_check_says_what_would_be_built(tmp_path: Path, *, built: bool) -> None:
    if built:
        (tmp_path / PACKAGE).touch()
    ran = build(tmp_path, "exit 1", "--check")
    assert ran.returncode == 0, ran.stdout
    assert f"changed={0 if built else 1} " in ran.stdout


def test_a_run_begins_once(tmp_path: Path) -> None:
    (tmp_path / "start.yml").write_text(
        json.dumps([{
            "name": "Start", "ansible.builtin.command": "echo", "register": "__voucher_module_package_tools",
        }])
    )  # fmt: skip
    ran = play(tmp_path, tasks("begin") * 2)
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.count("TASK [Start]") == 1


def test_a_build_beside_another_waits_for_it_and_takes_what_it_made(tmp_path: Path) -> None:
    builder = tmp_path / "bin" / "dpkg-buildpackage"
    builder.parent.mkdir()
    builder.write_text(BUILDER)
    builder.chmod(0o755)
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian" / "changelog").write_text("libnginx-mod-voucher (1) unstable\n")
    tar = subprocess.run(["tar", "-c", "debian"], cwd=tmp_path, capture_output=True, check=True).stdout
    sources = tmp_path / "sources"
    sources.write_bytes(base64.b64encode(tar))
    place = tmp_path / "place"
    place.mkdir()
    environment = os.environ | {"PATH": f"{builder.parent}:{os.environ['PATH']}"}
    with ExitStack() as stack:
        builds = [
            stack.enter_context(
                subprocess.Popen(
                    ["timeout", "60", "bash", ROLE / "files" / "build-package", place],
                    stdin=stack.enter_context(sources.open("rb")),
                    env=environment,
                )
            )
            for _ in range(2)
        ]
    assert [each.returncode for each in builds] == [0, 0]
    assert [(place / part).read_text() for part in PARTS] == ["x\n", "xstream-\n", "xmail-\n"]
