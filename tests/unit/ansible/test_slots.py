"""The role `voucher_slots`: what timer and failover run is what the program takes; bad slots are refused."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jinja2
import pytest
import yaml

from mecai.cli.sidecar_slots import failover, promote, stage
from tests.unit.ansible.running import ANSIBLE, play, refusals

ROLE: Final = ANSIBLE / "roles" / "voucher_slots"
VERBS: Final = {"stage": stage, "promote": promote, "failover": failover}
RELOAD: Final = "systemctl try-reload-or-restart nginx"
PAIR: Final = {"chain": "/srv/acme 1/100%.pem", "key": '/srv/acme 1/"$HOME".key'}
BACKUP: Final = {"backup_chain": "/srv/b.pem", "backup_key": "/srv/b.key"}


def _role(name: str) -> Any:
    return yaml.safe_load((ROLE / name / "main.yml").read_text())


def _unit(name: str, **slot: str) -> list[str]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters |= {"comment": lambda text: f"# {text}", "to_json": json.dumps}
    given = _role("defaults") | _role("vars") | {"__voucher_slots_quorum": 3, "slot": {"name": "www"} | slot}
    text = (ROLE / "templates" / name).read_text()
    return environment.from_string(text).render(ansible_managed="mine", **given).splitlines()


def _commands(lines: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give verb and arguments of what a unit runs, by the rules of systemd.service(5) and of the program."""
    for line in (line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")):
        assert "%" not in line.replace("%%", "")
        assert "$" not in line.replace("$$", "")
        words = shlex.split(line.replace("%%", "%").replace("$$", "$"))
        assert words[:2] == ["/opt/mecai/venv/bin/mecai", "sidecar"]
        yield words[2], VERBS[words[2]].make_context(words[2], words[3:]).params


def test_the_timer_stages_promotes_and_keeps_the_backup() -> None:
    lines = _unit("slot.service.j2", **PAIR, **BACKUP)
    (first, new), (second, live), (third, backup) = _commands(lines)
    assert (first, second, third) == ("stage", "promote", "stage")
    slot = Path("/etc/mecai/tls/www")
    assert (new["slot"], live["slot"], backup["slot"]) == (slot, slot, slot)
    assert (str(new["chain"]), str(new["key"]), new["backup"], new["once"]) == (*PAIR.values(), False, True)
    assert (str(backup["chain"]), str(backup["key"])) == tuple(BACKUP.values())
    assert (backup["backup"], backup["once"], live["quorum"]) == (True, True, 3)
    assert {new["command"], live["command"], backup["command"]} == {RELOAD}
    assert {"ConditionPathExists=!/etc/mecai/tls/www.held", "SuccessExitStatus=1"} <= set(lines)
    assert "ConditionPathExists=/srv/acme 1/100%%.pem" in lines


def test_where_a_hook_stages_the_timer_promotes_only() -> None:
    lines = _unit("slot.service.j2")
    assert [verb for verb, _ in _commands(lines)] == ["promote"]
    assert sum(line.startswith("ConditionPathExists=") for line in lines) == 1


def test_after_a_failover_nothing_goes_live_by_itself() -> None:
    lines = _unit("failover.service.j2", **PAIR, **BACKUP)
    ((verb, given),) = _commands(lines)
    assert (verb, given["quorum"], given["command"]) == ("failover", 3, RELOAD)
    assert lines.index("ExecStartPre=/usr/bin/touch /etc/mecai/tls/www.held") < len(lines)
    assert "SuccessExitStatus=1" not in lines


def test_slots_that_cannot_be_are_refused(tmp_path: Path) -> None:
    taken: list[list[dict[str, str]]] = [
        [{"name": "www"}],
        [{"name": "www"} | PAIR | BACKUP, {"name": "a.example.test"}],
        [{"name": "www", "authority": "alder", "backup_authority": "birch", "names": ["a.test"]} | PAIR | BACKUP],
    ]
    refused: list[list[dict[str, str]]] = [
        [{"name": "www"}, {"name": "www"}],
        [{"name": "../www"}],
        [{"name": "a b"}],
        [{"name": ".www"}],
        [{"name": "www", "chain": "/srv/a.pem"}],
        [{"name": "www", "key": "/srv/a.key"}],
        [{"name": "www", "backup_chain": "/srv/a.pem"} | PAIR],
        [{"name": "www", "backup_key": "/srv/a.key"} | PAIR],
    ]
    cases = [_role("vars") | {"voucher_slots_certificates": slots} for slots in taken + refused]
    said = refusals(tmp_path, _role("tasks")[0], cases)
    assert said[: len(taken)] == [""] * len(taken)
    assert all(each.startswith("Expected slots in voucher_slots_certificates") for each in said[len(taken) :]), said


@pytest.mark.parametrize("names", [["www.example.test"], "www.example.test"])
def test_cas_of_the_inventory_certify_what_is_staged_and_the_backup(tmp_path: Path, names: object) -> None:
    """Ansible takes a string for a list of one, and hands it on as it is."""
    ordered = {"name": "www", "authority": "alder", "backup_authority": "birch", "names": names}
    given = _role("vars") | {"voucher_slots_certificates": [ordered | PAIR | BACKUP, {"name": "other"} | PAIR]}
    said = {"content": "{{ __voucher_slots_ordered | to_json }}", "dest": f"{tmp_path}/said", "mode": "0600"}
    ran = play(tmp_path, [{"name": "Say", "ansible.builtin.copy": said}], vars=given)
    assert ran.returncode == 0, ran.stdout
    live, backup = json.loads((tmp_path / "said").read_text())
    assert live == {"authority": "alder", "names": ["www.example.test"]} | PAIR
    assert backup == {
        "authority": "birch", "names": ["www.example.test"], "chain": "/srv/b.pem", "key": "/srv/b.key"
    }  # fmt: skip


def test_a_site_shows_what_is_live_and_at_ports_of_their_own_next_and_backup() -> None:
    server = ANSIBLE / "roles" / "tls_server"
    known = [yaml.safe_load((server / part / "main.yml").read_text()) for part in ("defaults", "vars")]
    environment = jinja2.Environment(undefined=jinja2.ChainableUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters["comment"] = lambda text: f"# {text}"
    path = str(known[1]["__tls_server_slot"]).replace("{{ tls_server_slot }}", "www")
    live = environment.from_string(known[0]["tls_server_certificate"])
    ports = [[link, known[0][f"tls_server_{link}_port"]] for link, _ in known[1]["__tls_server_slot_ports"]]
    given = {
        "__tls_server_names": ["a.test"],
        "__tls_server_voucher": True,
        "tls_server_slot": "www",
        "__tls_server_slot": path,
        "__tls_server_slot_ports": ports,
        "tls_server_certificate": live.render(tls_server_slot="www", __tls_server_slot=path),
    }
    template = environment.from_string((server / "templates" / "site.conf.j2").read_text())
    site = template.render(given)
    shown = re.findall(r'listen (\d+) ssl;.*?ssl_certificate "(.*?)";.*?(voucher on);', site, re.DOTALL)
    links = {"443": "live", "853": "next", "993": "backup"}
    assert shown == [(port, f"/etc/mecai/tls/www/{link}/fullchain.pem", "voucher on") for port, link in links.items()]
    without = environment.from_string((server / "templates" / "site.conf.j2").read_text()).render(
        given | {"tls_server_slot": ""}
    )
    assert "853" not in without


@pytest.mark.skipif(os.geteuid() != 0, reason="what it would write belongs to root")
def test_a_first_check_says_what_a_run_would_do(tmp_path: Path) -> None:
    task = {"name": "Check", "ansible.builtin.import_role": {"name": "mecai.infrastructure.voucher_slots"}}
    slots = [{"name": "mecai-unit-test"} | PAIR | BACKUP]
    ran = play(tmp_path, [task], "--check", vars={"voucher_slots_certificates": slots})
    assert ran.returncode == 0, ran.stdout
    assert "changed=0 " not in ran.stdout
    assert not list(Path("/etc/systemd/system").glob("*mecai-unit-test*"))
