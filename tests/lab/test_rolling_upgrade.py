"""Both nodes of a VAS get two releases by the collection, under load: the schema expands, then contracts (ADR 0039)."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mecai.vas.storage.database import SCHEMA
from tests.lab.asking import query
from tests.lab.conftest import LAB
from tests.lab.nodes import Load, Nodes, load_on, two_nodes, wait_for
from tests.releases import DATABASE, NARROWER, WIDER, Later

PLAYBOOKS = Path(__file__).resolve().parents[2] / "ansible" / "playbooks"
UPGRADE, INSTALL, SERVE = "voucher_authority_upgrade", "runtime", "voucher_authorities"
SECONDS = 600  # of a run of Ansible
# Nobody is bounded, and each request has a voucher of its own signed and logged.
UNBOUND = {
    "voucher_reuse_minutes": 0,
    "vouchers_per_day": 1000000,
    **{f"{which}requests_per_minute": 1000000 for which in ("", "own_", "address_", "certificate_")},
}
STARTED_FROM = "runuser -u mecai-vas -- cat /var/lib/mecai-vas/mecai-vas.started-from"
MOMENT = "systemctl show --property=%sTimestampMonotonic --value mecai-vas.service"  # of one clock for all hosts
REVISION, OLDEST = "SELECT version_num FROM alembic_version", "SELECT revision FROM oldest_program"
# After the second release the tables are as they were, but this one does not know the steps.
BACK = """ALTER TABLE vouchers DROP COLUMN IF EXISTS next; UPDATE alembic_version SET version_num = '{head}';
UPDATE oldest_program SET revision = '{oldest}'"""
pytestmark = pytest.mark.lab_only("it installs releases that there are not")


def ansible(program: str, *arguments: str) -> str:
    """Run one of Ansible's programs on the lab's inventory; return what it said."""
    command = [str(Path(sys.executable).with_name(program)), "-i", str(LAB.inventory), *arguments]
    own = {**os.environ, "ANSIBLE_CONFIG": str(LAB.ansible_config), "ANSIBLE_NOCOLOR": "1"}
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, env=own)
    assert said.returncode == 0, said.stdout[-3000:] + said.stderr
    return said.stdout


def play(nodes: Nodes, *playbooks: str, **given: Any) -> None:
    """Run playbooks of the collection on both nodes."""
    limit = ",".join(node.name for node in nodes.both)
    paths = [str(PLAYBOOKS / f"{name}.yml") for name in playbooks]
    ansible("ansible-playbook", "--limit", limit, "--extra-vars", json.dumps(given), *paths)


@pytest.fixture
def given() -> Mapping[str, Any]:
    """Return what the inventory gives the first node, with settings for the load."""
    variables = json.loads(ansible("ansible-inventory", "--host", two_nodes().first.name))
    return {**variables, "voucher_authority_settings": {**variables["voucher_authority_settings"], **UNBOUND}}


@pytest.fixture
def nodes(given: Mapping[str, Any]) -> Iterator[Nodes]:
    """Return them with these settings; afterwards they are as the lab has made them."""
    found = two_nodes()
    oldest = query(found.first, OLDEST)
    try:
        play(found, SERVE, hosts_at_once="100%", voucher_authority_settings=given["voucher_authority_settings"])
        yield found
    finally:
        query(found.first, BACK.format(head=SCHEMA.head, oldest=oldest))
        play(found, INSTALL, SERVE, hosts_at_once="100%")
        wait_for(found)


def make_wheel(folder: Path, before: Path, later: Later) -> Path:
    """Make the wheel of a later release out of that of the one before."""
    with zipfile.ZipFile(before) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist()}
    made = {path: text.encode() for path, text in later.files(files[DATABASE].decode()).items()}
    [record] = [name for name in files if name.endswith(".dist-info/RECORD")]
    kept = [line for line in files[record].decode().splitlines() if line.partition(",")[0] not in made]
    files |= made | {record: "\n".join([*kept, *map(recorded, made, made.values()), ""]).encode()}
    target = folder / later.revision / before.name
    target.parent.mkdir()
    with zipfile.ZipFile(target, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    return target


def recorded(name: str, content: bytes) -> str:
    """Return a file's line of a wheel's record."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"


def upgrade(nodes: Nodes, load: Load, wheel: Path, settings: Mapping[str, Any]) -> None:
    """Bring a release to both, and see that each server is of it and that the second went after the first was back."""
    play(nodes, UPGRADE, runtime_wheel=str(wheel), voucher_authority_settings=settings)
    load.wait()
    release = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert all(release in node.run(STARTED_FROM) for node in nodes.both)
    assert int(nodes.first.run(MOMENT, "ActiveEnter")) < int(nodes.second.run(MOMENT, "ActiveExit"))


def test_two_releases_come_to_one_node_after_the_other_and_no_request_fails(
    nodes: Nodes, given: Mapping[str, Any], tmp_path: Path
) -> None:
    settings = given["voucher_authority_settings"]
    wider = make_wheel(tmp_path, Path(given["runtime_wheel"]), WIDER)
    narrower = make_wheel(tmp_path, wider, NARROWER)
    with load_on(nodes) as load:
        upgrade(nodes, load, wider, settings)
        assert query(nodes.first, REVISION) == WIDER.revision
        upgrade(nodes, load, narrower, settings)
        assert query(nodes.first, REVISION) == NARROWER.revision
        answers = load.answers()
    assert set(answers) == {200}
