"""A role is one file: what it says of its hosts to the topology, to Ansible and to those who ask for health."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from sqlalchemy import make_url

from mecai.errors import InputError
from mecai.vas.config import read_config
from testbed import roles
from testbed.machine.lab import REPOSITORY, Lab
from testbed.model import plan, reading
from testbed.provision import inventory
from testbed.roles import ROLES, tls_server
from testbed.roles.role import Check
from tests.unit.ansible.running import play
from tests.unit.ansible.test_intranets import write

SMALL = plan.make(reading.load(reading.find("small"), ROLES))


def promises(host: str) -> list[str]:
    found = SMALL.topology.host(host)
    return [check.promise for check in ROLES[found.role].promises(SMALL, found)]


def test_every_file_but_the_contract_is_a_role_of_its_name() -> None:
    files = {path.stem for path in Path(roles.__file__).parent.glob("*.py")} - {"__init__", "role"}
    assert set(ROLES) == files


def test_every_group_of_the_playbooks_is_of_a_role() -> None:
    converge = Path(roles.__file__).parents[1] / "provision" / "converge"
    plays = [play for file in converge.glob("*.yml") for play in yaml.safe_load(file.read_text(encoding="utf-8"))]
    asked = {group for play in plays for group in play.get("hosts", "").split(":") if group}
    assert asked
    assert asked <= {group for role in ROLES.values() for group in role.groups}


def test_each_role_promises_what_it_is_for() -> None:
    assert promises("vendor") == ["serves its directory"]
    assert promises("attacker") == ["impersonates nobody"]
    assert [word.split()[0] for word in promises("client")] == ["is", "is", "accepts"] * len(tls_server.KINDS)
    assert promises("alder") == ["the VAS is ready", "the OCSP responder is ready"]
    assert promises("www") == ["has fresh vouchers to staple", "nginx runs"]
    assert promises("stock") == [*promises("www"), "exports them each hour"]
    assert [word.split()[0] for word in promises("router")] == ["resolves", "resolves", "forwards", "forwards"]


def test_a_mail_server_promises_vouchers_and_has_them_by_its_secondary_port() -> None:
    internet = plan.make(reading.load(reading.find("internet"), ROLES))
    host = internet.topology.host("mail")
    assert [check.promise for check in ROLES["mail_server"].promises(internet, host)] == [
        "has fresh vouchers to staple",
        "nginx runs",
        "postfix runs",
        "dovecot runs",
    ]
    variables = ROLES["mail_server"].variables(internet, host)
    assert (variables["mail_server_authority"], variables["mail_server_domains"]) == ("cedar", ["example.test"])
    [entry] = variables["voucher_sidecar_certificates"]
    assert (entry["port"], entry["addresses"]) == (993, list(internet.addresses("mail")))
    orders = ROLES["registrar"].variables(internet, internet.topology.host("registrar"))["mail_host_orders"]
    assert {"host": "mail", "path": entry["chain"]} in orders


def test_a_slots_certificates_are_vouched_for_where_its_server_shows_them() -> None:
    host = SMALL.topology.host("slots")
    given = ROLES["slot_server"].variables(SMALL, host)
    [slot], entries = given["voucher_slots_certificates"], given["voucher_sidecar_certificates"]
    assert (slot["authority"], slot["backup_authority"]) == ("alder", "birch")
    assert (given["tls_server_authority"], given["tls_server_slot"]) == ("", slot["name"])
    links = {f"/etc/mecai/tls/{slot['name']}/{link}/fullchain.pem": link for link in ("live", "next", "backup")}
    assert {links[entry["chain"]]: entry.get("port") for entry in entries} == {"live": None, "next": 853, "backup": 993}
    assert [entry.get("optional", False) for entry in entries] == [False, True, True]


@pytest.mark.parametrize(("by", "seen"), [("alder", "'alder'"), ("", "'none'"), ("nobody", "'nobody'")])
def test_a_backup_is_another_authoritys(by: str, seen: str) -> None:
    slots = SMALL.topology.host("slots")
    told = type(slots)(slots.name, slots.role, slots.links, slots.names, {"backup_by": by})
    [fault] = ROLES["slot_server"].faults(SMALL.topology, told)
    assert (
        fault
        == f"hosts.slots.vars.backup_by: saw {seen}; expected another authority than its own (birch, cedar, dogwood)"
    )


def test_what_haproxy_staples_lies_beside_the_certificate_that_its_sidecar_keeps() -> None:
    host = SMALL.topology.host("haproxy")
    given = ROLES["haproxy_server"].variables(SMALL, host)
    [export], [entry] = given["voucher_export_files"], given["voucher_sidecar_certificates"]
    assert entry["chain"] == given["haproxy_server_certificate"]
    assert export["path"] == f"{entry['chain']}.ocsp"
    assert export["hook"].split() == ["mecai-haproxy-ocsp", export["path"]]
    orders = ROLES["registrar"].variables(SMALL, SMALL.topology.host("registrar"))["mail_host_orders"]
    assert {"host": "haproxy", "path": entry["chain"]} in orders


def test_one_host_delivers_what_another_one_takes() -> None:
    internet = plan.make(reading.load(reading.find("internet"), ROLES)).topology
    made = inventory.inventory(Lab("internet"), plan.make(internet), Path("/w"))["all"]["children"]
    ((fetching, sends),), ((serving, takes),) = (
        made[f"deliver{end}"]["hosts"].items() for end in ("ers", "ed_servers")
    )
    assert sends["voucher_push_host"] == serving
    assert takes["voucher_deliveries_from"] == [fetching]
    assert sends["voucher_push_certificates"] == takes["voucher_deliveries_certificates"]
    (shown,) = takes["voucher_deliveries_certificates"]
    assert shown | {"chain": f"/var/lib/mecai-push-chains{shown['chain']}"} in sends["voucher_sidecar_certificates"]
    assert sends["voucher_push_address"] in takes["voucher_deliveries_certificates"][0]["addresses"]


@pytest.mark.parametrize(("refreshed", "delivered", "ends"), [(0, 0, 0), (3, 0, 3), (0, 5, 5), (3, 5, 3)])
def test_a_renewal_delivers_whatever_came_of_the_refresh(
    tmp_path: Path, refreshed: int, delivered: int, ends: int
) -> None:
    for name, code in {"runuser": refreshed, "systemctl": delivered}.items():
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/said\nexit {code}\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / "push.toml").touch()
    words = [word.replace("/etc/mecai/push.toml", f"{tmp_path}/push.toml") for word in tls_server.RENEWAL]
    ran = subprocess.run(words, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout=60, check=False)
    assert ran.returncode == ends
    said = (tmp_path / "said").read_text().splitlines()
    assert [line.split()[0] for line in said] == ["runuser", "systemctl"]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("", "hosts.shop: saw none; expected one host with the role tls_server and delivers_to: shop"),
        ("vendor", "hosts.www.vars.delivers_to: saw 'vendor'; expected a host with the role delivered_server"),
    ],
)
def test_a_host_that_begins_no_connection_needs_one_that_delivers(named: str, said: str) -> None:
    text = f"""
name: apart
domain: lab.test
zones: {{one: {{meaning: a network, region: north}}}}
hosts:
  alder: {{role: authority, zone: one}}
  birch: {{role: authority, zone: one}}
  router: {{role: router, zone: one}}
  vendor: {{role: vendor, zone: one}}
  www: {{role: tls_server, zone: one, names: [www.example.test], vars: {{delivers_to: "{named}"}}}}
  shop: {{role: delivered_server, zone: one, names: [shop.example.test]}}
"""
    with pytest.raises(InputError, match=said):
        reading.parse(text, "apart.yml", ROLES)


def test_the_registrar_promises_contacts_and_a_mailbox() -> None:
    assert promises("registrar") == ["knows who owns example.test", "takes mail over TLS"]


@pytest.mark.parametrize(("name", "server"), [("small", "router"), ("internet", "dns-names")])
def test_the_dns_names_a_contact_of_the_first_domain_where_there_is_a_registrar(name: str, server: str) -> None:
    topology = reading.load(reading.find(name), ROLES)
    for hosts, count in ((topology.hosts, 1), ([host for host in topology.hosts if host.role != "registrar"], 0)):
        drawn = plan.make(replace(topology, hosts=tuple(hosts)))
        host = drawn.topology.host(server)
        zones = ROLES[host.role].variables(drawn, host)["nameserver_zones"]
        lines = [line for zone in zones for line in zone["records"].splitlines()]
        assert lines.count('example.test. CAA 0 contactemail "caa@example.test"') == count


def test_authorities_tell_owners_where_there_is_a_registrar() -> None:
    without = plan.make(replace(SMALL.topology, hosts=tuple(h for h in SMALL.topology.hosts if h.role != "registrar")))
    for drawn, mails in ((SMALL, True), (without, False)):
        host = drawn.topology.host("birch")
        assert ("voucher_authority_mail" in ROLES["authority"].variables(drawn, host)) is mails
    mail = ROLES["authority"].variables(SMALL, SMALL.topology.host("birch"))["voucher_authority_mail"]
    assert (mail["sender"], mail["relay"]) == ("notary@birch.test", "mail.registrar.test")


def test_one_authority_of_the_internet_tells_owners_of_new_addresses() -> None:
    """And a word that is neither yes nor no is refused."""
    text = reading.find("internet").read_text(encoding="utf-8")
    drawn = plan.make(reading.parse(text, "mine.yml", ROLES))
    told = {host.name: ROLES[host.role].variables(drawn, host) for host in drawn.topology.of_role("authority")}
    assert [name for name, has in told.items() if has["voucher_authority_mail"].get("new_addresses")] == ["fir"]
    with pytest.raises(InputError, match=r"hosts\.fir\.vars\.new_addresses: saw 'always'; expected true or false"):
        reading.parse(text.replace("new_addresses: true", "new_addresses: always"), "mine.yml", ROLES)


@pytest.mark.parametrize(("name", "contexts"), [("small", ["MOZ"]), ("internet", ["MOZ", "ALT"])])
def test_authorities_fetch_every_directory_from_where_its_publisher_serves_it(name: str, contexts: list[str]) -> None:
    """By https, from a name that the lab's DNS has, whose server a public authority certifies."""
    drawn = plan.make(reading.load(reading.find(name), ROLES))
    groups = inventory.inventory(Lab(name), drawn, Path("mecai.whl"))["all"]["children"]
    publishers = [*groups["vendors"]["hosts"].values(), *groups["publishers"]["hosts"].values()]
    served = {
        told["directory_publisher_context"]: f"https://{told['directory_server_host_name']}/directory.der"
        for told in publishers
    }
    assert list(served) == contexts
    for told in groups["authorities"]["hosts"].values():
        assert {each["context"]: each["url"] for each in told["voucher_authority_directories"]} == served
        assert not [each for each in told["voucher_authority_directories"] if "path" in each]
    assert {told["directory_server_authority"] for told in publishers} <= set(groups["authorities"]["hosts"])
    assert {told["directory_server_host_name"] for told in publishers} <= {record.name for record in drawn.records()}


def test_authorities_trust_web_servers_that_any_public_authority_certified(tmp_path: Path) -> None:
    told = ROLES["authority"].variables(SMALL, SMALL.topology.host("alder"))["voucher_authority_directory_roots"]
    (tmp_path / "roots").mkdir()
    write = {"content": told, "dest": f"{tmp_path}/written", "mode": "0600"}
    for names, expected in (([], ""), (["birch", "alder"], "root of alder\nroot of birch\n")):
        for each in names:
            (tmp_path / "roots" / f"{each}.crt").write_text(f"root of {each}\n")
        tasks = [{"name": "Write", "ansible.builtin.copy": write}]
        ran = play(tmp_path, tasks, "-e", f"lab_roots={tmp_path}/roots")
        assert ran.returncode == 0, ran.stdout
        assert (tmp_path / "written").read_text() == expected


def test_authorities_of_a_lab_have_report_keys_that_their_program_reads(tmp_path: Path) -> None:
    told = ROLES["authority"].variables(SMALL, SMALL.topology.host("birch"))
    mine = {key: value for key, value in told.items() if key.startswith("voucher_authority_")}
    write("voucher_authority", "vas.toml.j2", tmp_path, lab_roots=str(tmp_path), **mine)
    assert read_config(tmp_path / "out").report_key == Path("/var/lib/mecai-vas/report-key.pem")


@pytest.mark.parametrize("name", ["small", "internet"])
def test_one_authority_of_a_lab_has_its_log_in_postgresql(name: str) -> None:
    drawn = plan.make(reading.load(reading.find(name), ROLES))
    groups = inventory.inventory(Lab(name), drawn, Path("mecai.whl"))["all"]["children"]
    told = {host: "voucher_authority_database" in has for host, has in groups["authorities"]["hosts"].items()}
    assert [host for host, has in told.items() if has] == list(groups["databases"]["hosts"]) == ["birch"]
    owner = yaml.safe_load((REPOSITORY / "ansible/roles/postgresql/defaults/main.yml").read_text(encoding="utf-8"))
    url = make_url(groups["databases"]["hosts"]["birch"]["voucher_authority_database"])
    assert (url.database, url.username, url.password, url.host) == (
        owner["postgresql_database"],
        "mecai-vas",
        None,
        None,
    )


def said(check: Check, **programs: str) -> tuple[int, str]:
    """Run a promise's command on this machine, these programs replaced by these shell lines."""
    functions = "".join(f"{name}() {{ {body}; }}\n" for name, body in programs.items())
    script, *arguments = check.command[2:]
    done = subprocess.run(["sh", "-c", functions + script, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("198.18.6.10 STREAM\n198.18.6.10 DGRAM\n", (0, "")),
        ("198.18.8.10 STREAM\n", (1, "www.example.test leads to 198.18.8.10\n")),
        ("198.18.6.10 STREAM\n198.18.8.10 STREAM\n", (1, "www.example.test leads to 198.18.6.10 198.18.8.10\n")),
        ("", (1, "www.example.test leads to nowhere\n")),
    ],
)
def test_a_client_notices_a_resolver_that_lies(answer: str, expected: tuple[int, str]) -> None:
    check = next(iter(ROLES["client"].promises(SMALL, SMALL.topology.host("client"))))
    assert said(check, getent=f"printf '{answer}'") == expected


def test_an_attacker_notices_what_a_killed_attack_left(tmp_path: Path) -> None:
    [check] = ROLES["attacker"].promises(SMALL, SMALL.topology.host("attacker"))
    left = tmp_path / "left"
    moved = replace(check, command=[*check.command[:4], str(left)])
    assert said(moved) == (0, "")
    left.touch()
    assert said(moved) == (1, f"{left}: an attack is under way, or was killed: testbed attack stop\n")


def test_forwarding_is_tried_from_one_zone_to_another() -> None:
    router = SMALL.topology.host("router")
    tried = [check for check in ROLES["router"].promises(SMALL, router) if check.promise.startswith("forwards")]
    assert tried
    for check in tried:
        own = SMALL.interfaces[check.on][0]
        assert check.on != "router"
        assert check.command[-1] not in {str(own.ipv4.ip), str(own.ipv6.ip)}


def test_a_router_alone_promises_nothing_of_others() -> None:
    alone = "{name: alone, zones: {z: a zone}, hosts: {r: {role: router, zone: z}}}"
    tiny = plan.make(reading.parse(alone, "alone.yml", ROLES))
    assert list(ROLES["router"].promises(tiny, tiny.topology.host("r"))) == []


@pytest.mark.parametrize(("variables", "expected"), [({}, "alder"), ({"certified_by": "birch"}, "birch")])
def test_a_server_is_certified_by_the_first_authority_or_the_one_named(
    variables: dict[str, str], expected: str
) -> None:
    www = SMALL.topology.host("www")
    named = type(www)(www.name, www.role, www.links, www.names, variables)
    assert tls_server.issuer(SMALL.topology, named) == expected
    assert ROLES["tls_server"].variables(SMALL, named)["tls_server_authority"] == expected
