"""What the roles write for a Voucher Authority with agents is what the programs read: server, agent, and their CA."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.ca.config import AuthorityConfig, Days, StatusUrls
from mecai.perspective.config import PerspectiveConfig
from mecai.service.settings import read_settings
from mecai.vas.config import AgentSettings, PerspectiveSettings, read_config
from tests.unit.ansible.running import ANSIBLE, play

EAST = {"name": "east", "region": "asia", "url": "https://east.example.test:8443"}
WEST = {"name": "west", "region": "america", "url": "https://west.example.test:8443"}
SAY = "{{ {'files': __voucher_authority_files, 'questions': __voucher_authority_questions} | to_json }}"
STATE, ROOTS = Path("/var/lib/mecai-vas"), Path("/etc/mecai/agents-roots.pem")
CRL = Path("/etc/mecai/agents-crl.pem")
SIGNED = "/var/lib/mecai-vas-signer/certificate.pem"


def written(folder: Path, role: str, name: str, say: str = "{}", **given: Any) -> dict[str, Any]:
    """Write a role's settings in the test's folder; return what it makes of its variables."""
    template = {"src": f"{ANSIBLE}/roles/{role}/templates/{name}.j2", "dest": f"{folder}/{name}", "mode": "0600"}
    tasks = [
        {"name": "Write the settings", "ansible.builtin.template": template},
        {"name": "Say", "ansible.builtin.copy": {"content": say, "dest": f"{folder}/said", "mode": "0600"}},
    ]
    files = [f"{ANSIBLE}/roles/{role}/{part}/main.yml" for part in ("defaults", "vars")]
    ran = play(folder, tasks, "-e", json.dumps(given), vars_files=files)
    assert ran.returncode == 0, ran.stdout
    said: dict[str, Any] = json.loads((folder / "said").read_text())
    return said


def served(folder: Path, **perspectives: Any) -> dict[str, Any]:
    given = {"voucher_authority_perspectives": perspectives, "voucher_authority_host_name": "vas.birch.test"}
    return written(folder, "voucher_authority", "vas.toml", SAY, **given)


def test_the_server_knows_its_agents_and_asks_them_at_the_end(tmp_path: Path) -> None:
    said = served(tmp_path, region="europe", authority="ca.example.org", agents=[EAST, WEST])
    key, certificate = STATE / "agents-key.pem", STATE / "agents-certificate.pem"
    agents = tuple(AgentSettings(**each) for each in (EAST, WEST))
    expected = PerspectiveSettings("europe", key, certificate, ROOTS, agents, CRL)
    assert read_config(tmp_path / "vas.toml").perspectives == expected
    assert said["files"] == [SIGNED, str(certificate), str(ROOTS)]
    assert [each["argv"][0] for each in said["questions"]] == ["openssl", "mecai"]


def test_without_agents_the_server_looks_from_its_own_host(tmp_path: Path) -> None:
    said = served(tmp_path)
    assert read_config(tmp_path / "vas.toml").perspectives is None
    assert said["files"] == [SIGNED]
    assert [each["argv"][0] for each in said["questions"]] == ["openssl"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"region": "europe", "agents": [EAST, WEST]}, ""),
        ({"region": "europe", "authority": "ca", "agents": [EAST]}, ""),
        (
            {"region": "europe"},
            "parameters are required together: region, agents found in voucher_authority_perspectives",
        ),
        (
            {"agents": [EAST]},
            "parameters are required together: region, agents found in voucher_authority_perspectives",
        ),
        (
            {"authority": "ca"},
            "missing parameter(s) required by 'authority': region, agents found in voucher_authority_p",
        ),
        (
            {"region": "europe", "agents": [{"name": "east", "url": EAST["url"]}]},
            "missing required arguments: region found in voucher_authority_perspectives -> agents",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line_before_anything_is_done(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    """By the role's description of its variables, which Ansible holds against what is given before the first task."""
    described = yaml.safe_load((ANSIBLE / "roles/voucher_authority/meta/argument_specs.yml").read_text())
    check = {
        "argument_spec": described["argument_specs"]["main"]["options"],
        "provided_arguments": {"voucher_authority_host_name": "vas.test", "voucher_authority_perspectives": given},
    }
    ran = play(tmp_path, [{"name": "Hold", "ansible.builtin.validate_argument_spec": check}])
    assert (ran.returncode == 0, said in ran.stdout) == (not said, True), ran.stdout


@pytest.mark.parametrize("port", [8443, "9443"])
def test_the_agent_reads_what_its_role_was_given(tmp_path: Path, port: object) -> None:
    given = {"perspective_host_name": "east.example.test", "perspective_port": port}
    written(tmp_path, "perspective", "perspective.toml", **given, perspective_settings={"ports": [443], "parallel": 2})
    folder = Path("/var/lib/mecai-perspective")
    expected = PerspectiveConfig(
        folder / "key.pem", folder / "certificate.pem", ROOTS, CRL, port=int(str(port)), parallel=2, ports=(443,)
    )
    assert read_settings(tmp_path / "perspective.toml", PerspectiveConfig) == expected


def test_an_agent_lets_its_host_connect_where_its_clients_are_named(tmp_path: Path) -> None:
    """The role asks there at its end."""
    given = {"perspective_host_name": "east.example.test", "perspective_clients": ["192.0.2.53", "2001:db8::/64"]}
    written(tmp_path, "perspective", "perspective.toml", **given)
    clients = read_settings(tmp_path / "perspective.toml", PerspectiveConfig).clients
    assert list(map(str, clients)) == ["192.0.2.53/32", "2001:db8::/64", "127.0.0.0/8", "::1/128"]


def test_an_agent_keeps_the_domains_to_itself_that_its_resolvers_alone_know(tmp_path: Path) -> None:
    given = {"perspective_host_name": "east.example.test", "perspective_refused_domains": ["corp.example", "Lan.test"]}
    written(tmp_path, "perspective", "perspective.toml", **given, perspective_settings={"parallel": 2})
    config = read_settings(tmp_path / "perspective.toml", PerspectiveConfig)
    assert config.refused_domains == ("corp.example", "Lan.test")
    assert config.refuses("hosts.lan.test")


def test_their_ca_has_files_of_its_own_and_points_to_no_responder(tmp_path: Path) -> None:
    written(tmp_path, "agents_ca", "agents-ca.toml", agents_ca_days={"client": 30})
    config = read_settings(tmp_path / "agents-ca.toml", AuthorityConfig)
    assert (config.vas_url, config.status_urls, config.days) == (None, StatusUrls(), Days(client=30, crl=90))
    assert not {config.state, config.public} & {AuthorityConfig.state, AuthorityConfig.public}


def test_every_party_has_the_same_ca_certify_it() -> None:
    """Its settings, its user and its name: that of another CA on the host would be believed by nobody."""
    tasks = [
        task
        for role, file in (("perspective", "main"), ("voucher_authority", "private"), ("postgresql", "network"))
        for block in yaml.safe_load((ANSIBLE / "roles" / role / "tasks" / f"{file}.yml").read_text())
        for task in block.get("block", [block])
        if task.get("ansible.builtin.import_role", {}).get("name") == "mecai.infrastructure.certificate"
    ]
    names = ("certificate_authority_settings", "certificate_authority_user", "certificate_issuer")
    assert [[task["vars"][name] for name in names] for task in tasks] == [
        ["/etc/mecai/agents-ca.toml", "mecai-agents", "agents"]
    ] * 3


def test_the_cas_of_agents_are_where_they_are_said_to_be(tmp_path: Path) -> None:
    """Here, unless a Voucher Authority names another host; that one then, which may have no agents itself."""
    hosts = {
        "own": {"voucher_authority_perspectives": {"region": "europe", "agents": [EAST]}},
        "elsewhere": {"voucher_authority_perspectives": {"region": "europe", "authority": "ca", "agents": [EAST]}},
        "ca": {},
        "none": {"voucher_authority_perspectives": {}},
    }
    [first, *_] = yaml.safe_load((ANSIBLE / "playbooks" / "perspectives.yml").read_text(encoding="utf-8"))
    inventory = {"all": {"children": {"authorities": {"hosts": hosts}}}}
    (tmp_path / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
    note = {
        "name": "Note it",
        "ansible.builtin.copy": {"content": "", "dest": f"{tmp_path}/{{{{ inventory_hostname }}}}.ca"},
    }
    tasks = [note | {"when": first["roles"][0]["when"], "delegate_to": "localhost"}]
    ran = play(tmp_path, tasks, "-i", "inventory.yml", hosts="authorities")
    assert ran.returncode == 0, ran.stdout
    assert sorted(path.stem for path in tmp_path.glob("*.ca")) == ["ca", "own"]
