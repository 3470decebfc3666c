"""What the role `voucher_authority` writes to tell the owners of domains is what the program reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.vas.config import MailSettings, read_config
from tests.unit.ansible.running import ANSIBLE, play

ROLE = ANSIBLE / "roles" / "voucher_authority"
LEAST = {"sender": "notary@birch.test", "relay": "mail.birch.test"}
SERVICES = {"version": "1.0", "services": [[["test"], ["https://rdap.test/"]]]}
FLAGS = {"starttls": True, "new_addresses": True}
ALL = LEAST | FLAGS | {"port": 587, "registries": SERVICES, "roots": "-----BEGIN CERTIFICATE-----\n"}
SAY = """{{ {'files': __voucher_authority_worker_files, 'settings': __voucher_authority_mails,
    'certificate': __voucher_authority_mail_certificate} | to_json }}"""


def written(folder: Path, mail: dict[str, Any], *options: str) -> dict[str, Any]:
    """Write settings and files as the role does, in the test's folder; return what it makes of its variables."""
    (copies, *_) = yaml.safe_load((ROLE / "tasks" / "worker.yml").read_text(encoding="utf-8"))
    for each in ("owner", "group"):
        del copies["ansible.builtin.copy"][each]
    template = {"src": str(ROLE / "templates" / "vas.toml.j2"), "dest": f"{folder}/vas.toml", "mode": "0600"}
    say = {"content": SAY, "dest": f"{folder}/said", "mode": "0600"}
    tasks = [
        {"name": "Write the settings", "ansible.builtin.template": template},
        copies,
        {"name": "Say", "ansible.builtin.copy": say},
    ]
    variables = (ROLE / "vars" / "main.yml").read_text(encoding="utf-8").replace("/etc/mecai/", f"{folder}/")
    (folder / "vars.yml").write_text(variables)
    given = {"voucher_authority_mail": mail, "voucher_authority_host_name": "vas.birch.test"}
    files = [str(ROLE / "defaults" / "main.yml"), str(folder / "vars.yml")]
    ran = play(folder, tasks, "-e", json.dumps(given), *options, vars_files=files)
    assert ran.returncode == 0, ran.stdout
    said: dict[str, Any] = json.loads((folder / "said").read_text())
    return said


@pytest.mark.parametrize("services", [SERVICES, json.dumps(SERVICES)], ids=["mapping", "text"])
def test_the_program_reads_what_the_role_was_given(tmp_path: Path, services: object) -> None:
    said = written(tmp_path, ALL | {"registries": services})
    state, registries, roots = Path("/var/lib/mecai-vas"), tmp_path / "rdap.json", tmp_path / "mail-roots.pem"
    assert read_config(tmp_path / "vas.toml").mail == MailSettings(
        "notary@birch.test",
        state / "mail-key.pem",
        state / "mail-certificate.pem",
        "mail.birch.test",
        587,
        starttls=True,
        new_addresses=True,
        registries=registries,
        roots=roots,
    )
    assert json.loads(registries.read_text()) == SERVICES
    assert roots.read_text() == ALL["roots"]
    assert said["files"] == [f"{tmp_path}/vas.toml", str(state / "mail-certificate.pem"), str(registries), str(roots)]


def test_without_registries_and_roots_the_program_asks_the_dns_and_trusts_its_host(tmp_path: Path) -> None:
    said = written(tmp_path, LEAST | {"roots": ""})
    mail = read_config(tmp_path / "vas.toml").mail
    assert mail
    assert (mail.registries, mail.roots, mail.port) == (None, None, 25)
    wanted = {key: said["certificate"][key] for key in ("profile", "owner", "name", "email")}
    assert wanted == {"profile": "mail", "owner": "mecai-vas", "name": LEAST["sender"], "email": [LEAST["sender"]]}


def test_without_a_sender_nobody_is_told(tmp_path: Path) -> None:
    said = written(tmp_path, {})
    assert read_config(tmp_path / "vas.toml").mail is None
    assert (said["settings"], said["files"]) == (False, [f"{tmp_path}/vas.toml"])


def test_the_worker_is_a_unit_of_its_own_beside_the_server() -> None:
    """Of the same user; it starts when the server has migrated the database, and has nothing to read anew."""
    tasks = yaml.safe_load((ROLE / "tasks" / "worker.yml").read_text(encoding="utf-8"))
    service = tasks[1]["vars"]
    assert service == tasks[2]["vars"]
    assert (service["service_name"], service["service_unit"]) == ("vas", "mecai-vas-worker")
    assert (service["service_after"], service["service_reloads"]) == ("mecai-vas.service", False)
