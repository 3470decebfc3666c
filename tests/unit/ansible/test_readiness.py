"""A run that ends well means services that answer: what the roles ask, and in what line a silent service ends."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.ansible.running import ANSIBLE, ansible, play

ROLE = ANSIBLE / "roles" / "readiness"
SITES = {"tls_server", "mail_server", "python_server", "haproxy_server", "voucher_sidecar"}
ASKING = {"voucher_authority", "ocsp_responder", "perspective", "postgresql", *SITES}
PLAYS_OF_SERVICES = ("certificate_authorities", "databases", "perspectives", "voucher_authorities", "tls_servers")


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _asked(folder: Path, *options: str, **question: Any) -> Any:
    """Ask one question by the role's tasks, as this user and twice at most."""
    return _asked_by(folder, {}, *options, **question)


def _asked_by(folder: Path, words: dict[str, Any], *options: str, **question: Any) -> Any:
    (folder / "explain.yml").write_text((ROLE / "tasks" / "explain.yml").read_text())
    text = (ROLE / "tasks" / "main.yml").read_text().replace("become: true", "become: false")
    given = {
        "readiness_unit": "mecai-vas",
        "readiness_questions": [{"asks": "is not ready to vouch", **question}],
        "readiness_user": "nobody",
        "__readiness_bound": ["timeout", "10"],
        "__readiness_tries": 2,
        "__readiness_pause": 0,
    }
    words = {"vars_files": [f"{ROLE}/vars/main.yml"], **words}
    return play(folder, yaml.safe_load(text), "-e", json.dumps(given), *options, **words)


def test_a_service_that_answers_late_is_waited_for(tmp_path: Path) -> None:
    late = f'test -e {tmp_path}/asked && echo \'{{"status":"ready"}}\' || touch {tmp_path}/asked'
    ran = _asked(tmp_path, argv=["sh", "-c", late], answer='"status":"ready"')
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"ok=1 +changed=0 ", ran.stdout)


def test_a_code_that_is_asked_for_is_good_whatever_it_is(tmp_path: Path) -> None:
    """As where openssl is let in by nobody: it ends with 1, which Ansible takes for a failure by itself."""
    ran = _asked(tmp_path, argv=["sh", "-c", "echo an alert >&2; exit 1"], codes=[1], answer="alert")
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"ok=1 +changed=0 ", ran.stdout)


@pytest.mark.parametrize(
    ("says", "word", "question"),
    [
        ("echo 503; echo not ready: disk", "not ready: disk", {"answer": '"status":"ready"'}),
        ("echo refused >&2; exit 1", "refused", {}),
        ("echo nonsense; exit 2", "nonsense", {"codes": [0, 1]}),
        ("echo nonsense", "nonsense", {"codes": [1], "answer": "nonsense"}),
    ],
)
def test_one_that_does_not_ends_in_one_line_with_its_last_words(
    tmp_path: Path, says: str, word: str, question: dict[str, Any]
) -> None:
    ran = _asked(tmp_path, argv=["sh", "-c", says], **question)
    assert ran.returncode != 0
    (line,) = re.findall(r'"msg": "(mecai-vas: .*)"', ran.stdout)
    assert line.startswith(f"mecai-vas: is not ready to vouch: {word}; its log ends: ")
    assert line.endswith("; see: journalctl --unit mecai-vas")


def test_a_host_that_another_ones_failure_ends_is_said_to_be_no_worse(tmp_path: Path) -> None:
    """In one batch of a play with `any_errors_fatal`, as in a lab: Ansible sends all its hosts to their `rescue`."""
    (tmp_path / "batch.yml").write_text("all: {hosts: {alder: , birch: }}")
    words = {"hosts": "alder:birch", "any_errors_fatal": True}
    ran = _asked_by(tmp_path, words, "-i", "batch.yml", argv=["test", "{{ inventory_hostname }}", "=", "birch"])
    said = dict(re.findall(r'^fatal: \[(\w+)\]: FAILED! => .*"msg": "(mecai-vas: .*)"', ran.stdout, re.MULTILINE))
    assert said["alder"].startswith("mecai-vas: is not ready to vouch: ")
    assert said["birch"] == "mecai-vas: left as it is, since another host of this run failed"


@pytest.mark.parametrize(
    ("said", "serves"),
    [
        (json.dumps({"healthy": False, "items": [{"state": "on hold"}]}, indent=2), True),
        (json.dumps({"healthy": False, "items": [{"state": "good"}, {"state": "unreadable"}]}, indent=2), False),
        ("Traceback (most recent call last):\nKeyError", False),  # Python's exit code for it is 1, too
    ],
)
def test_only_a_sidecar_that_says_what_it_serves_can_serve(said: str, serves: bool) -> None:
    (question,) = _read(ANSIBLE / "roles" / "voucher_sidecar" / "vars" / "main.yml")["__voucher_sidecar_questions"]
    assert bool(re.search(question["answer"], said)) is serves


def test_a_check_asks_nothing(tmp_path: Path) -> None:
    ran = _asked(tmp_path, "--check", argv=["touch", f"{tmp_path}/asked"])
    assert ran.returncode == 0, ran.stdout
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("role", sorted(ASKING))
def test_a_role_asks_last_and_after_nginx_read_its_site(role: str) -> None:
    tasks = _read(ANSIBLE / "roles" / role / "tasks" / "main.yml")
    assert tasks[-1]["ansible.builtin.import_role"]["name"] == "mecai.infrastructure.readiness"
    notifies = "notify" in (ANSIBLE / "roles" / role / "tasks" / "main.yml").read_text()
    assert not notifies or tasks[-2]["ansible.builtin.meta"] == "flush_handlers"


def test_the_first_host_that_fails_ends_the_run_before_others_are_touched(tmp_path: Path) -> None:
    """The words of the plays of services, with tasks of the test's: other hosts are left alone, as is the next play."""
    hosts = {name: {"ansible_connection": "local"} for name in ("alder", "birch", "cedar")}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    for name in PLAYS_OF_SERVICES:
        plays = _read(ANSIBLE / "playbooks" / f"{name}.yml")
        for found in [each for each in plays if "roles" in each]:  # one that brings lists alone is for all at once
            assert found["serial"] == "{{ hosts_at_once | default(1) }}"
            words = {key: found[key] for key in ("serial", "any_errors_fatal", "gather_facts")}
    failing = {"ansible.builtin.fail": {"msg": "it does not start"}}
    tasks = [{"name": "Start it", "block": [failing], "rescue": [failing]}]
    after = {
        "name": "After",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.debug": {"msg": "on"}}],
    }
    (tmp_path / "site.yml").write_text(json.dumps([{"name": "Start", "hosts": "all", "tasks": tasks, **words}, after]))
    for options, touched in (((), {"alder"}), (("-e", "hosts_at_once=2"), {"alder", "birch"})):
        ran = ansible(tmp_path, "ansible-playbook", "-i", "hosts.yml", *options, "site.yml")
        assert ran.returncode != 0
        assert set(re.findall(r"^(\w+) +: ok=", ran.stdout, re.MULTILINE)) == touched
