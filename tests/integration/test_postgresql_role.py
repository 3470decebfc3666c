"""The role `postgresql` on a real server: it makes what is wanting, once, and lets in whom it says."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from tests.integration.postgresql import postgresql
from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "postgresql"
SQL = ("See what the database lacks", "Make what it lacks")
# Of this machine, where no user of MECAI is.
GIVEN = {"postgresql_system_users": ["root"]}
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root is several users")


def _tasks() -> list[dict[str, object]]:
    found = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))
    return [each for task in found for each in task.get("block", [task])]


def _play(folder: Path, tasks: list[dict[str, object]]) -> str:
    """Run tasks by the role's variables; returns how many of them came to what."""
    files = [str(ROLE / name / "main.yml") for name in ("defaults", "vars")]
    ran = play(folder, tasks, "-e", json.dumps(GIVEN), vars_files=files)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout.strip().splitlines()[-1]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Run a server that goes by what the role writes of who comes in; give the folder of its socket."""
    with TemporaryDirectory(prefix="mecai-role-") as folder:
        files = {name: Path(folder, name) for name in ("pg_hba.conf", "pg_ident.conf")}
        templates = ((f"{ROLE}/templates/{name}.j2", path) for name, path in files.items())
        _play(tmp_path, [{"ansible.builtin.template": {"src": it, "dest": str(path)}} for it, path in templates])
        # The administrator of a server of the tests comes in as well.
        files["pg_hba.conf"].write_text(f"local all mecai trust\n{files['pg_hba.conf'].read_text()}", encoding="utf-8")
        for path in (Path(folder), *files.values()):
            path.chmod(0o755)
        settings = (f"hba_file={files['pg_hba.conf']}", f"ident_file={files['pg_ident.conf']}")
        with postgresql("fsync=off", *settings) as url:
            socket = Path(url.partition("host=")[2])
            socket.chmod(0o755)
            yield socket


def _come_in(home: Path, user: str, role: str, database: str) -> str:
    """Connect as a user of this machine; returns what was said against it."""
    words = [
        "psql",
        "--no-psqlrc",
        f"--host={home}",
        f"--username={role}",
        f"--dbname={database}",
        "--command=SELECT 1",
    ]
    ran = subprocess.run(["runuser", "-u", user, "--", *words], capture_output=True, text=True, cwd="/", check=False)
    return ran.stderr.strip().rpartition("FATAL:")[2].strip() if ran.returncode else ""


def test_it_makes_what_is_wanting_once_and_lets_in_whom_it_says(tmp_path: Path, home: Path) -> None:
    """Twice, and once more with another number of connections."""
    pair = [task for task in _tasks() if task["name"] in SQL]
    for task in pair:
        del task["become"], task["become_user"]
        task["environment"] = {"PGHOST": str(home), "PGUSER": "mecai", "PGDATABASE": "postgres"}
    fewer = [task | {"vars": {"postgresql_connections": 12}} for task in pair]
    assert re.search(r"ok=5 +changed=2 .*skipped=1 ", _play(tmp_path, pair + pair + fewer))
    assert _come_in(home, "root", "mecai-vas", "mecai-vas") == ""
    assert _come_in(home, "nobody", "mecai-vas", "mecai-vas") == 'Peer authentication failed for user "mecai-vas"'
    assert _come_in(home, "nobody", "postgres", "mecai-vas") == 'Peer authentication failed for user "postgres"'
    assert _come_in(home, "root", "mecai-vas", "postgres").startswith("no pg_hba.conf entry for host")


def test_what_would_be_no_name_is_refused(tmp_path: Path) -> None:
    [refuse] = [task for task in _tasks() if str(task["name"]).startswith("Refuse names")]
    names = ('mecai" OR', "x'; DROP", "", "Vas", "mecai-vas")
    tasks = [refuse | {"vars": {"postgresql_database": name}, "ignore_errors": True} for name in names]
    assert re.search(r"ok=5 .*ignored=4 ", _play(tmp_path, tasks) + " ")
