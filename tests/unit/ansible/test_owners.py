"""Root keeps out of folders that somebody else may write: a link that lies there would lead it to files of its own.

A task may work as root only on paths below folders that belong to root. All that a task names is read from its text,
with the role's own variables put in; a path that only the caller knows counts as somebody else's.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
ROLES = sorted((REPOSITORY / "ansible" / "roles").iterdir())
PLAYBOOKS = sorted(REPOSITORY.glob("testbed/provision/converge/*.yml"))
VARIABLE = re.compile(r"\b(?:__)?[a-z]+(?:_[a-z]+)+\b")
# Where nobody but root writes. Services' folders, and all homes, are elsewhere.
ROOTS_OWN = (
    "/etc/",
    "/opt/mecai",
    "/usr/",
    "/var/cache/",
    "/var/lib/rdap-registry",
    "/var/www/html",
    "/bin/",
    "/dev/",
    "/run/sshd",
)
# These make the folders themselves, in /var/lib and /home, which are root's.
MAKERS = {
    "Make the folders that are the service's own",
    "Make the service's user",
    "Make the builder's user",
    "Make the user whose mailbox it is",
    "Make the user who keeps the mailboxes",
}


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def tasks(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every task, those inside blocks as well."""
    for task in found or ():
        if "block" in task:
            yield from tasks(task["block"] + task.get("rescue", []) + task.get("always", []))
        else:
            yield task


def variables(role: Path) -> dict[str, Any]:
    """Return the role's variables with the text of their values."""
    return {**_read(role / "defaults" / "main.yml"), **_read(role / "vars" / "main.yml")}


def expanded(text: str, known: dict[str, Any], depth: int = 8) -> str:
    """Put the values of variables into a text, as far as they are known."""
    for _ in range(depth):
        text = VARIABLE.sub(lambda name: str(known.get(name[0], name[0])), text)
    return text


def foreign_paths(task: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """List what a task names that may lie in a folder of somebody else."""
    words = {
        key: value for key, value in task.items() if key.startswith(("ansible.builtin.", "mecai.")) or key == "loop"
    }
    text = expanded(str(words), known)
    paths = re.findall(r"(?<![\w.}$*])/(?:[\w.*-]+/?)+", re.sub(r"https?://\S+", "", text))
    callers = re.findall(r"\b(?:wanted|prepared|issued)\.(?:\w+\.)*(?:key|path)\b", text)
    return callers + [path for path in paths if not path.startswith(ROOTS_OWN)]


def offenders(found: list[dict[str, Any]], known: dict[str, Any]) -> list[str]:
    """Name the tasks that work as root on such paths."""
    named = (task for task in tasks(found) if not any("include_" in key or "import_" in key for key in task))
    return [
        f"{task['name']}: {paths}"
        for task in named
        if "become_user" not in task and task["name"] not in MAKERS and (paths := foreign_paths(task, known))
    ]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_roles_work_in_the_folders_of_others_as_those(role: Path) -> None:
    for file in sorted(role.glob("*/*.yml")):
        if file.parent.name in {"tasks", "handlers"}:
            assert offenders(_read(file), variables(role)) == []


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.name)
def test_the_labs_plays_do_so_too(playbook: Path) -> None:
    for play in _read(playbook):
        assert offenders(play.get("tasks", []) + play.get("handlers", []), {}) == []


def test_there_are_playbooks_of_the_lab() -> None:
    assert PLAYBOOKS


@pytest.mark.parametrize(
    ("module", "arguments", "found"),
    [
        ("fetch", {"src": "{{ __x_state }}/directory.der"}, ["/var/lib/mecai-x"]),
        ("command", {"argv": ["cat", "/var/lib/mecai-ca-public/root.pem"]}, ["/var/lib/mecai-ca-public/root.pem"]),
        ("copy", {"dest": "{{ wanted.path }}"}, ["wanted.path"]),
        ("copy", {"dest": "/etc/mecai/directory.der"}, []),
        ("command", {"cmd": "cat /home/somebody/key"}, ["/home/somebody/key"]),
    ],
)
def test_what_a_task_names_is_found(module: str, arguments: dict[str, Any], found: list[str]) -> None:
    task = {"name": "a task", f"ansible.builtin.{module}": arguments}
    assert foreign_paths(task, {"__x_state": "/var/lib/mecai-x"}) == found


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_role_becomes_another_user_by_a_command(role: Path) -> None:
    files = [path for path in role.rglob("*") if path.suffix in {".yml", ".j2"}]
    assert not [path for path in files if re.search(r"\b(runuser|sudo|su)\b", path.read_text(encoding="utf-8"))]
