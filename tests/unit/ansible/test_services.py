"""What the role `service` writes for a service, by Ansible itself: its limits, and who may see its settings."""

import getpass
import grp
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.machine.limits import LIMITS
from tests.unit.ansible.running import ANSIBLE, play

SERVICE = ANSIBLE / "roles" / "service"
PASSWORD = "not-to-be-shown"
WRITE = "Write the settings and the units"


def _writing() -> dict[str, Any]:
    """Return the role's own task, made to run without root."""
    found = yaml.safe_load((SERVICE / "tasks" / "main.yml").read_text(encoding="utf-8"))
    (task,) = [inner for block in found for inner in block.get("block", ()) if inner["name"] == WRITE]
    task["ansible.builtin.template"]["owner"] = getpass.getuser()
    return dict(task)


def _files(folder: Path) -> dict[str, Any]:
    """Return the role's variables as they are, except that the files lie in the test's folder."""
    known = {}
    for part in ("defaults", "vars"):
        known |= yaml.safe_load((SERVICE / part / "main.yml").read_text(encoding="utf-8"))
    (folder / "vas.toml.j2").write_text(f'database = "postgresql://mecai:{PASSWORD}@db.example/mecai"\n')
    return known | {
        "service_name": "vas",
        "service_settings": f"{folder}/vas.toml",
        "service_command": "/opt/mecai/venv/bin/true",
        "service_environment": {"PLACE": "/run/mecai-vas-measured"},
        "service_runtime_folder": "mecai-vas-measured",
        "__service_settings_file": f"{folder}/vas.toml",
        "__service_unit_file": f"{folder}/mecai-vas.service",
        "__service_user": grp.getgrgid(os.getgid()).gr_name,
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the task as `--diff` does; return the folder of what it wrote, and all that it said."""
    folder = tmp_path_factory.mktemp("service")
    words = {"vars": _files(folder)}
    (folder / "templates").symlink_to(SERVICE / "templates")
    ran = play(folder, [_writing()], "--diff", "-vvv", "-e", "service_tasks_max=7", **words)
    assert ran.returncode == 0, ran.stdout
    return folder, ran.stdout


def test_a_database_password_is_neither_shown_nor_readable_by_all(written: tuple[Path, str]) -> None:
    folder, said = written
    assert PASSWORD in (folder / "vas.toml").read_text()
    assert PASSWORD not in said
    assert "MemoryDenyWriteExecute=yes" in said  # units are shown
    assert (folder / "vas.toml").stat().st_mode & 0o777 == 0o640


def test_every_unit_bounds_memory_and_tasks(written: tuple[Path, str]) -> None:
    unit = (written[0] / "mecai-vas.service").read_text().splitlines()
    assert {"MemoryMax=1G", "MemorySwapMax=0", "TasksMax=7"} <= set(unit)


def test_what_is_due_from_time_to_time_is_tried_again_where_others_were_out_of_reach(tmp_path: Path) -> None:
    """A host that boots with its lab, or its data centre, does not wait for the next hour; what asks nobody does."""
    (tmp_path / "templates").symlink_to(SERVICE / "templates")
    tasks = yaml.safe_load((ANSIBLE / "roles/voucher_authority/tasks/contexts.yml").read_text(encoding="utf-8"))
    fetches = {key: value for key, value in tasks[1]["vars"].items() if key not in {"service_name", "service_unit"}}
    for networks, restarts in ((True, ["Restart=on-failure", "RestartSec=300s"]), (False, [])):
        ran = play(tmp_path, [_writing()], vars=_files(tmp_path) | fetches | {"service_network": networks})
        assert ran.returncode == 0, ran.stdout
        lines = (tmp_path / "mecai-vas.service").read_text().splitlines()
        assert [line for line in lines if line.startswith(("Restart=", "RestartSec="))] == restarts


def test_units_of_one_user_each_record_what_they_were_started_from(tmp_path: Path) -> None:
    (tmp_path / "templates").symlink_to(SERVICE / "templates")
    records = []
    for unit in ("mecai-vas", "mecai-vas-worker"):
        files = _files(tmp_path) | {"service_unit": unit, "service_reloads": False, "service_after": "other.service"}
        ran = play(tmp_path, [_writing()], vars=files)
        assert ran.returncode == 0, ran.stdout
        lines = (tmp_path / "mecai-vas.service").read_text().splitlines()
        records += [line.rpartition(">")[2] for line in lines if "sha256sum" in line]
        assert "After=other.service" in lines
        assert not [line for line in lines if line.startswith("ExecReload")]
    assert len(set(records)) == 2


def test_systemd_listens_at_a_port_for_a_service_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "templates").symlink_to(SERVICE / "templates")
    socket = {"source": "unit.socket.j2", "path": f"{tmp_path}/mecai-vas.socket"}
    files = _files(tmp_path) | {"service_ports": [443], "__service_settings_files": [socket]}
    ran = play(tmp_path, [_writing()], vars=files)
    assert ran.returncode == 0, ran.stdout
    lines = (tmp_path / "mecai-vas.socket").read_text().splitlines()
    assert [line for line in lines if line.startswith(("ListenStream=", "Socket"))] == ["ListenStream=443"]
    unit = (tmp_path / "mecai-vas.service").read_text().splitlines()
    assert {"PrivateNetwork=yes", "Requires=mecai-vas.socket", "Also=mecai-vas.socket"} <= set(unit)


def test_what_prepares_a_start_runs_once_for_what_it_reads(tmp_path: Path) -> None:
    (tmp_path / "templates").symlink_to(SERVICE / "templates")
    names = {"__service_record": f"{tmp_path}/record", "__service_read_at_start": [f"{tmp_path}/vas.toml"]}
    prepare = {"service_prepare": f"/bin/cp {tmp_path}/new {tmp_path}/prepared"}
    ran = play(tmp_path, [_writing()], vars=_files(tmp_path) | names | prepare)
    assert ran.returncode == 0, ran.stdout
    unit = (tmp_path / "mecai-vas.service").read_text()
    commands = [shlex.split(line) for line in re.findall(r"^ExecStartPre=(.*)$", unit, re.MULTILINE)]

    def start() -> tuple[bool, bool]:
        """Do what systemd does before a start; returns whether all went well, and whether the start was prepared."""
        (tmp_path / "prepared").unlink(missing_ok=True)
        good = all(subprocess.run(command, check=False).returncode == 0 for command in commands)
        return good, (tmp_path / "prepared").exists()

    assert start() == (False, False)  # there is nothing yet to be copied
    (tmp_path / "new").touch()
    assert start() == (True, True)
    assert start() == (True, False)
    (tmp_path / "vas.toml").write_text("other settings")
    (tmp_path / "new").rename(tmp_path / "later")
    assert start() == (False, False)
    (tmp_path / "later").rename(tmp_path / "new")
    assert start() == (True, True)
    assert start() == (True, False)


def test_a_folder_that_two_services_share_is_made_by_one_and_named_to_both(written: tuple[Path, str]) -> None:
    unit = (written[0] / "mecai-vas.service").read_text().splitlines()
    assert {"RuntimeDirectory=mecai-vas-measured", "RuntimeDirectoryMode=0700"} <= set(unit)
    assert 'Environment="PLACE=/run/mecai-vas-measured"' in unit


def test_every_unit_ends_before_a_lab_gives_up_on_its_host(written: tuple[Path, str]) -> None:
    assert _stop_seconds(written[0]) < LIMITS.halt_seconds


@pytest.mark.parametrize("role", ["voucher_authority", "ocsp_responder", "python_server"])
def test_requests_at_work_get_less_time_than_the_unit_has_to_stop(role: str, written: tuple[Path, str]) -> None:
    parts = [(ANSIBLE / "roles" / role / part / "main.yml").read_text(encoding="utf-8") for part in ("tasks", "vars")]
    tasks = "".join(parts)
    (grace,) = re.findall(r"gunicorn (?:.|\n)*?--graceful-timeout (\d+) ", tasks)
    assert int(grace) < _stop_seconds(written[0])


def test_a_check_after_a_run_that_wrote_no_unit_goes_on(tmp_path: Path) -> None:
    """The user is there, so that the run before got as far as that; systemd knows no such unit, and is not asked."""
    tasks = yaml.safe_load((SERVICE / "tasks" / "run.yml").read_text(encoding="utf-8"))
    written = {"name": "Write", "ansible.builtin.copy": {"content": "", "dest": f"{tmp_path}/unit", "mode": "0600"}}
    tasks.insert(0, written | {"register": "__service_written"})
    ran = play(tmp_path, tasks, "--check", vars=_files(tmp_path) | {"service_unit": "mecai-never-there"})
    assert ran.returncode == 0, ran.stdout


def _stop_seconds(folder: Path) -> int:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)s$", (folder / "mecai-vas.service").read_text(), re.MULTILINE)
    return int(seconds)
