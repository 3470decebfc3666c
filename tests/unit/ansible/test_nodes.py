"""Several nodes of one VAS: what the roles write for each, and whom its database lets in."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.vas.config import read_config
from tests.unit.ansible.running import ANSIBLE, play
from tests.unit.ansible.test_perspectives import written

SECOND = {"name": "node2.example.net", "addresses": ["192.0.2.54/32", "2001:db8::54/128"]}
LISTENING = {
    "postgresql_listen": ["192.0.2.53", "2001:db8::53"],
    "postgresql_host_name": "ca.example.net",
    "postgresql_clients": [SECOND],
}
TLS = "sslmode=verify-full&sslrootcert=/etc/mecai/agents-roots.pem"
NODE: dict[str, Any] = {
    "voucher_authority_host_name": "vas.example.net",
    "voucher_authority_authority": "ca",
    "voucher_authority_nodes": {"name": "node2.example.net", "authority": "ca", "others": ["192.0.2.53"]},
    "voucher_authority_database": f"postgresql+psycopg://mecai-vas@ca.example.net/mecai-vas?{TLS}",
    "voucher_authority_mail": {"sender": "notary@example.net", "relay": "mail.example.net"},
    "voucher_authority_settings": {"report_key": "/var/lib/mecai-vas/report-key.pem"},
}
SQLITE = {"voucher_authority_database": "sqlite:///vas.sqlite"}
SAY = """{{ {
    'agents': __voucher_authority_agents_authority,
    'nginx': __voucher_authority_nginx_certificate,
    'own': __voucher_authority_agents_certificate,
    'asked': __voucher_authority_readiness.argv | last,
} | to_json }}"""


def rules(folder: Path, name: str, **given: Any) -> list[str]:
    """Return the lines of a file of the role `postgresql` that are no comments."""
    written(folder, "postgresql", name, **given)
    lines = (folder / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_a_database_listens_nowhere_unless_it_is_told_to(tmp_path: Path) -> None:
    clients = {"postgresql_clients": [SECOND], "postgresql_host_name": "ca.example.net"}
    assert {"listen_addresses = ''", "ssl = off"} <= set(rules(tmp_path, "postgresql.conf", **clients))
    assert {line.split()[0] for line in rules(tmp_path, "pg_hba.conf", **clients)} == {"local"}
    assert {line.split()[0] for line in rules(tmp_path, "pg_ident.conf", **clients)} == {"mecai"}


def test_a_database_lets_each_other_node_in_by_tls_from_its_addresses_with_its_name(tmp_path: Path) -> None:
    settings = set(rules(tmp_path, "postgresql.conf", **LISTENING))
    assert {
        "listen_addresses = '192.0.2.53, 2001:db8::53'",
        "ssl = on",
        "ssl_min_protocol_version = 'TLSv1.3'",
    } <= settings
    assert "ssl_crl_file = '/etc/mecai/agents-crl.pem'" in settings
    remote = [line for line in rules(tmp_path, "pg_hba.conf", **LISTENING) if not line.startswith("local ")]
    assert remote == [
        f'hostssl "mecai-vas" "mecai-vas" {address} cert map=mecai-node2.example.net' for address in SECOND["addresses"]
    ]
    names = [line for line in rules(tmp_path, "pg_ident.conf", **LISTENING) if not line.startswith("mecai ")]
    assert names == ['mecai-node2.example.net "node2.example.net" "mecai-vas"']


@pytest.mark.parametrize(("given", "names"), [({}, []), (LISTENING, ["ca.example.net"])], ids=["alone", "listening"])
def test_only_a_database_that_listens_asks_for_a_certificate(
    tmp_path: Path, given: dict[str, Any], names: list[str]
) -> None:
    """Ansible looks at what a loop goes over before the condition that leaves the loop out."""
    role = ANSIBLE / "roles/postgresql"
    tasks = yaml.safe_load((role / "tasks/network.yml").read_text(encoding="utf-8"))
    [requests] = [task["vars"]["certificate_requests"] for task in tasks if "certificate_requests" in task["vars"]]
    task = {"name": "Ask", "ansible.builtin.copy": {"content": "{{ asked | to_json }}", "dest": f"{tmp_path}/asked"}}
    files = [str(role / folder / "main.yml") for folder in ("defaults", "vars")]
    ran = play(tmp_path, [task | {"vars": {"asked": requests}}], "-e", json.dumps(given), vars_files=files)
    assert ran.returncode == 0, ran.stdout
    assert [each["name"] for each in json.loads((tmp_path / "asked").read_text())] == names


@pytest.mark.parametrize(
    "given",
    [
        {"postgresql_listen": ["192.0.2.53', ssl = 'off"]},
        {"postgresql_listen": ["*"]},
        {"postgresql_clients": [SECOND | {"addresses": ["192.0.2.54"]}]},
        {"postgresql_clients": [SECOND | {"addresses": ["all"]}]},
        {"postgresql_clients": [SECOND | {"addresses": ["192.0.2.54/32 trust"]}]},
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_done(tmp_path: Path, given: dict[str, Any]) -> None:
    tasks = yaml.safe_load((ANSIBLE / "roles/postgresql/tasks/main.yml").read_text(encoding="utf-8"))
    refusals = [task for task in tasks if task["name"].startswith("Refuse ")]
    assert tasks[: len(refusals)] == refusals
    files = [f"{ANSIBLE}/roles/postgresql/{part}/main.yml" for part in ("defaults", "vars")]
    assert play(tmp_path, refusals, "-e", json.dumps(LISTENING), vars_files=files).returncode == 0
    ran = play(tmp_path, refusals, "-e", json.dumps(LISTENING | given), vars_files=files)
    assert (ran.returncode != 0, "Expected addresses" in ran.stdout) == (True, True), ran.stdout


def test_a_further_node_has_the_cas_root_brought_and_neither_mails_nor_reports(tmp_path: Path) -> None:
    said = written(tmp_path, "voucher_authority", "vas.toml", SAY, **NODE, voucher_authority_worker="no")
    config = read_config(tmp_path / "vas.toml")
    assert config.lists["nodes"] == Path("/etc/mecai/agents-crl.pem")
    assert (config.root, config.mail, config.report_key) == (Path("/etc/mecai/ca-root.pem"), None, None)
    assert (said["agents"], said["asked"]) == ("ca", "/etc/mecai/ca-root.pem")
    assert {said[which]["name"] for which in ("nginx", "own")} == {"node2.example.net"}
    assert {said[which]["profile"] for which in ("nginx", "own")} == {"client"}
    assert said["nginx"]["owner"] == "root"


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (TLS, "&sslcrl=/etc/mecai/agents-crl.pem"),
        (f"{TLS}&sslcrl=/etc/mecai/others.pem", ""),
        ("sslmode=verify-full&sslrootcert=/etc/mecai/db.pem", ""),
    ],
    ids=["the private CA's", "lists of one's own", "another CA's"],
)
def test_a_databases_server_of_the_private_ca_is_held_against_its_lists(tmp_path: Path, given: str, added: str) -> None:
    url = f"postgresql+psycopg://mecai-vas@ca.example.net/mecai-vas?{given}"
    written(tmp_path, "voucher_authority", "vas.toml", **(NODE | {"voucher_authority_database": url}))
    assert read_config(tmp_path / "vas.toml").database == url + added


def test_a_node_shows_the_others_a_certificate_of_the_private_ca_for_both_names(tmp_path: Path) -> None:
    say = "{{ {'door': __voucher_authority_door_certificate, 'asked': requests} | to_json }}"
    tasks = yaml.safe_load((ANSIBLE / "roles/voucher_authority/tasks/private.yml").read_text(encoding="utf-8"))
    [asked] = [task["vars"] for task in tasks if "certificate_requests" in task.get("vars", {})]
    said = written(tmp_path, "voucher_authority", "vas.toml", say, **NODE, requests=asked["certificate_requests"])
    assert said["door"] in said["asked"]
    assert (said["door"]["profile"], said["door"]["dns"]) == ("server", ["node2.example.net", "vas.example.net"])
    assert asked["certificate_authority_settings"] == "/etc/mecai/agents-ca.toml"


def test_the_node_that_works_off_the_outbox_has_the_keys_for_it(tmp_path: Path) -> None:
    written(tmp_path, "voucher_authority", "vas.toml", SAY, **NODE | {"voucher_authority_authority": "localhost"})
    config = read_config(tmp_path / "vas.toml")
    assert config.root == Path("/var/lib/mecai-ca-public/root.pem")
    assert config.mail is not None
    assert config.report_key == Path("/var/lib/mecai-vas/report-key.pem")


def test_a_database_is_migrated_before_the_server_is_started_anew() -> None:
    tasks = yaml.safe_load((ANSIBLE / "roles/voucher_authority/tasks/main.yml").read_text(encoding="utf-8"))
    [names] = [[each["name"] for each in task["block"]] for task in tasks if task["name"] == "Serve vouchers"]
    order = [name for name in names if name.startswith(("Be known to agents", "Bring a database", "Run the server"))]
    assert [name.split()[0] for name in order] == ["Be", "Bring", "Run"]


def test_a_run_says_whether_the_database_was_migrated(tmp_path: Path) -> None:
    """By what the command itself says: of a file here, which takes the same way."""
    tasks = yaml.safe_load((ANSIBLE / "roles/voucher_authority/tasks/main.yml").read_text(encoding="utf-8"))
    [block] = [task["block"] for task in tasks if task["name"] == "Serve vouchers"]
    [task] = [each for each in block if each["name"].startswith("Bring a database")]
    task = {key: value for key, value in task.items() if not key.startswith("become")}
    written(tmp_path, "voucher_authority", "vas.toml", **SQLITE, voucher_authority_host_name="vas.example.net")
    (folder := tmp_path / "bin").mkdir()
    command = folder / "mecai"
    command.write_text(f'#!/bin/sh\nexec {Path(sys.executable).with_name("mecai")} "$@" --config {tmp_path}/vas.toml\n')
    command.chmod(0o755)
    task["environment"] = {"PATH": f"{folder}:/usr/bin:/bin"}
    given = json.dumps({"voucher_authority_database": NODE["voucher_authority_database"]})
    for changed in (1, 0):
        ran = play(tmp_path, [task], "-e", given)
        assert f"ok=1    changed={changed} " in ran.stdout, ran.stdout


@pytest.mark.parametrize(
    ("nodes", "kept"),
    [
        ({"name": "node2.example.net", "authority": "ca", "others": ["192.0.2.53"]}, ["ca"]),
        ({}, []),
    ],
)
def test_the_private_ca_is_where_a_further_node_says(tmp_path: Path, nodes: dict[str, Any], kept: list[str]) -> None:
    [first, *_] = yaml.safe_load((ANSIBLE / "playbooks" / "perspectives.yml").read_text(encoding="utf-8"))
    groups = {
        "authorities": {"hosts": {"ca": {}, "other": {}}},
        "vas_nodes": {"hosts": {"node2": {"voucher_authority_nodes": nodes}}},
    }
    (tmp_path / "inventory.yml").write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")
    [condition] = {role["when"] for role in first["roles"]}
    note = {
        "name": "Note it",
        "ansible.builtin.copy": {"content": "", "dest": f"{tmp_path}/{{{{ inventory_hostname }}}}.ca"},
        "when": condition,
        "delegate_to": "localhost",
    }
    ran = play(tmp_path, [note], "-i", "inventory.yml", hosts="authorities")
    assert ran.returncode == 0, ran.stdout
    assert sorted(path.stem for path in tmp_path.glob("*.ca")) == kept


def test_nginx_reads_the_lists_of_who_was_revoked_also_where_the_run_breaks_off(tmp_path: Path) -> None:
    path = ANSIBLE / "roles/voucher_authority/tasks/private.yml"
    tasks = [task for task in yaml.safe_load(path.read_text()) if "ansible.builtin.import_role" not in task]
    for task in tasks:
        for owned in ("owner", "group"):
            task.get("ansible.builtin.copy", {}).pop(owned, None)
    lists, read = tmp_path / "lists.pem", tmp_path / "read"
    reload = {"name": "Reload nginx", "ansible.builtin.shell": {"cmd": f"cat {lists}.nginx >> {read}"}}
    given = {"__voucher_authority_others": ["192.0.2.54"], "__voucher_authority_agents_crl": str(lists)}
    ends = {"name": "End", "ansible.builtin.fail": {}}
    lists.write_text("1")
    for _ in range(2):
        assert "failed=1" in play(tmp_path, [*tasks, ends], "-e", json.dumps(given), handlers=[reload]).stdout
    assert read.read_text() == "1"


def test_a_release_comes_to_one_node_at_a_time_which_has_left_before_and_serves_after() -> None:
    [upgrade] = yaml.safe_load((ANSIBLE / "playbooks" / "voucher_authority_upgrade.yml").read_text(encoding="utf-8"))
    assert (upgrade["hosts"], upgrade["serial"], upgrade["any_errors_fatal"]) == ("authorities:vas_nodes", 1, True)
    steps = [task["ansible.builtin.import_role"] for task in upgrade["tasks"]]
    done = [f"{step['name'].rpartition('.')[2]} {step.get('tasks_from', 'main')}" for step in steps]
    assert done[:3] == ["runtime installed", "voucher_authority drain", "runtime main"]
    assert done[-1] == "voucher_authority main"
    assert upgrade["tasks"][1]["when"] == "__runtime_replaced"


@pytest.mark.parametrize(
    ("others", "ready", "closed"),
    [
        (["192.0.2.53", "2001:db8::53"], ("[2001:db8::53]:443", "192.0.2.53:443"), True),
        (["192.0.2.53", "2001:db8::53"], ("192.0.2.53:443",), False),
        ([], (), False),
    ],
    ids=["all others ready", "one is not", "alone"],
)
def test_a_node_leaves_only_where_all_others_are_ready(
    tmp_path: Path, others: list[str], ready: tuple[str, ...], *, closed: bool
) -> None:
    """Those of the test say so by a program that takes the place of openssl."""
    (tmp_path / "openssl").write_text(f'#!/bin/sh\nfor at in {" ".join(ready)}; do case " $* " in\n')
    with (tmp_path / "openssl").open("a") as program:
        program.write('  *" $at "*) echo \'"status":"ready"\';;\nesac; done\n')
    (tmp_path / "openssl").chmod(0o755)
    [drain] = yaml.safe_load((ANSIBLE / "roles/voucher_authority/tasks/drain.yml").read_text(encoding="utf-8"))
    *asking, stop = drain["block"]
    assert stop["ansible.builtin.systemd_service"] == {"name": "mecai-vas.socket", "state": "stopped"}
    noted = {"name": "Note it", "ansible.builtin.copy": {"content": "", "dest": f"{tmp_path}/closed"}}
    given = {
        **NODE,
        "voucher_authority_nodes": {"name": "node2.example.net", "others": others},
        "ansible_become": False,
        "__readiness_tries": 1,
        "__readiness_pause": 0,
    }
    files = [f"{ANSIBLE}/roles/voucher_authority/{part}/main.yml" for part in ("defaults", "vars")]
    words = {"vars_files": files, "environment": {"PATH": f"{tmp_path}:/usr/bin:/bin"}}
    ran = play(tmp_path, [drain | {"block": [*asking, noted]}], "-e", json.dumps(given), **words)
    assert (tmp_path / "closed").exists() == closed
    refused = bool(others) and not closed
    said = "mecai-vas: is not stopped, since the node at 2001:db8::53 is not ready" in ran.stdout
    assert (ran.returncode != 0, said) == (refused, refused)
