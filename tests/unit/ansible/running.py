"""Runs Ansible as its users do, on this machine alone: tasks of the roles, with the collection of this checkout.

And servers, with what the roles wrote for them.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ANSIBLE = Path(__file__).resolve().parents[3] / "ansible"
BOUND = 240  # seconds, on a machine that is busy with other things


def ansible(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's commands in a folder of the test's own; what it writes on the way stays there."""
    collection = folder / "collections" / "ansible_collections" / "mecai" / "infrastructure"
    collection.parent.mkdir(parents=True, exist_ok=True)
    if not collection.exists():
        collection.symlink_to(ANSIBLE)
    (folder / "ansible.cfg").touch()
    own = {
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "PATH": f"{os.environ['PATH']}:{Path(sys.executable).parent}",  # `mecai` is there, as on a host
    }
    return subprocess.run(
        [str(Path(sys.executable).with_name(command)), *arguments],
        cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=BOUND, check=False,
    )  # fmt: skip


def play(folder: Path, tasks: list[dict[str, Any]], *arguments: str, **words: Any) -> subprocess.CompletedProcess[str]:
    """Run tasks on this machine, as the user who runs the tests; `words` are further keywords of the play."""
    plays = [{"name": "A play", "hosts": "localhost", "connection": "local", "gather_facts": False, **words}]
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([plays[0] | {"tasks": tasks}]), encoding="utf-8")
    python = f"ansible_python_interpreter={sys.executable}"
    return ansible(folder, "ansible-playbook", "-i", "localhost,", "-e", python, *arguments, playbook.name)


def refusals(folder: Path, task: dict[str, Any], cases: Sequence[dict[str, Any]]) -> list[str]:
    """Run a role's task once with the variables of each case, in one play; return what each says that fails."""
    runs = [
        task | {"vars": case, "register": f"case_{number}", "ignore_errors": True} for number, case in enumerate(cases)
    ]
    said = ", ".join(f"case_{number}.msg if case_{number} is failed else ''" for number in range(len(cases)))
    kept = {"content": f"{{{{ [{said}] | to_json }}}}", "dest": str(folder / "said.json"), "mode": "0600"}
    ran = play(folder, [*runs, {"name": "Keep", "ansible.builtin.copy": kept}])
    assert ran.returncode == 0, ran.stdout
    return [str(each) for each in json.loads((folder / "said.json").read_text())]


@contextmanager
def listening(command: Sequence[str], port: int) -> Iterator[None]:
    """Run a server that stays in the foreground until the end, from when a port of the loopback is open."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            _until_it_listens(port, server)
            yield
        finally:
            server.terminate()
            server.wait(BOUND)


def _until_it_listens(port: int, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("the server ended")
