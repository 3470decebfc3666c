"""Which directories lie on a host: those that somebody reads there as files, beside the pins of all publishers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "directory_consumer"
PINS = {"publishers.pem", "contexts/ALT/publishers.pem"}
MAIN, FURTHER = "directory.der", "contexts/ALT/directory.der"


def converge(folder: Path, *options: str, **given: Any) -> int:
    """Play the role's own tasks with a folder of the test's; returns how many of them changed something."""

    def moved(text: str) -> str:
        return re.sub(r"(owner|group): root", "", text).replace("/etc/mecai", f"{folder}/host")

    tasks = yaml.safe_load(moved((ROLE / "tasks/main.yml").read_text(encoding="utf-8")))[1:]
    files = []
    for part in ("defaults", "vars"):
        files.append(folder / f"{part}.yml")
        files[-1].write_text(moved((ROLE / part / "main.yml").read_text(encoding="utf-8")))
    own = {
        "directory_consumer_source": f"{folder}/received",
        "directory_consumer_contexts": [{"name": "ALT", "source": f"{folder}/received"}],
        "__directory_consumer_checks": dict.fromkeys(("publishers.pem", MAIN), "test -s %s"),
    }
    ran = play(folder, tasks, "-e", json.dumps(own | given), *options, vars_files=list(map(str, files)))
    assert ran.returncode == 0, ran.stdout
    return int(re.findall(r"changed=(\d+)", ran.stdout)[-1])


def test_a_directory_that_nobody_reads_as_a_file_is_removed_and_its_pins_stay(tmp_path: Path) -> None:
    host = tmp_path / "host"
    for folder in (host, tmp_path / "received"):
        folder.mkdir()
    for name in ("publishers.pem", MAIN):
        (tmp_path / "received" / name).write_text(name)

    def there() -> set[str]:
        return {str(path.relative_to(host)) for path in host.rglob("*") if path.is_file()}

    converge(tmp_path)
    assert there() == PINS | {MAIN, FURTHER}
    read = {"directory_consumer_directories": [f"{host}/{FURTHER}"]}
    assert converge(tmp_path, "--check", **read) == 1
    assert there() == PINS | {MAIN, FURTHER}
    assert converge(tmp_path, **read) == 1
    assert there() == PINS | {FURTHER}
    assert converge(tmp_path, **read) == 0


@pytest.mark.parametrize(
    ("group", "read"),
    [("authorities", ["/etc/mecai/contexts/ALT/directory.der"]), ("clients", None)],
)
def test_of_a_vas_those_are_read_that_it_does_not_fetch_unless_another_part_reads_all(
    tmp_path: Path, group: str, read: list[str] | None
) -> None:
    plays = yaml.safe_load((ANSIBLE / "playbooks/voucher_authorities.yml").read_text(encoding="utf-8"))
    roles = [each for each in plays[-1]["roles"] if each["role"].endswith("directory_consumer")]
    say = {"ansible.builtin.debug": {"msg": "read: {{ directory_consumer_directories | default(none) | to_json }}"}}
    tasks = [{"name": "Say", **say, "when": each["when"], "vars": each.get("vars", {})} for each in roles]
    directories = [{"context": "MOZ", "url": "https://x.test/"}, {"context": "ALT", "path": f"/etc/mecai/{FURTHER}"}]
    grouped = {"name": "Group", "ansible.builtin.group_by": {"key": group}, "changed_when": False}
    ran = play(tmp_path, [grouped, *tasks], "-e", json.dumps({"voucher_authority_directories": directories}))
    assert ran.returncode == 0, ran.stdout
    [said] = re.findall(r'"msg": "read: (.*)"', ran.stdout)
    assert json.loads(said.replace('\\"', '"')) == read
