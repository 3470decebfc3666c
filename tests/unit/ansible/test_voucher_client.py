"""The role `voucher_client` knows every key of `client.toml`, and replaces good settings by good ones alone."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mecai.client.choices import DIRECT, MODES, PROFILES, REPORTING, SELECTIONS
from mecai.client.domain_entry import DomainEntry
from mecai.client.intranet_entry import IntranetEntry
from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.regional import RegionalEntry
from tests.unit.ansible.running import ANSIBLE, play, refusals
from tests.unit.ansible.test_intranets import files_of, tasks_of

SPECIFICATION: dict[str, dict[str, Any]] = yaml.safe_load(
    (ANSIBLE / "roles/voucher_client/meta/argument_specs.yml").read_text()
)["argument_specs"]["main"]["options"]
TABLES = {"domains", "intranets", "regional"}  # variables of their own
GOOD: dict[str, Any] = {
    "voucher_client_settings": {
        "mode": "warn",
        "contexts": [],
        "max_voucher_age_hours": 12,
        "resume": True,
        "state": "/x",
    },
    "voucher_client_domains": [
        {"domains": ["bank.test", "B\u00fccher.test"], "mode": "enforce", "profile": "strict", "max_status_hours": 24},
        {"domains": ["old.test"], "mode": False},  # what YAML 1.1 makes of off
    ],
    "voucher_client_regional": [{"domains": ["bank.test"], "without": ["north", "south"]}],
}


@pytest.mark.parametrize(
    ("variable", "entry"),
    [
        ("settings", ClientPolicy),
        ("domains", DomainEntry),
        ("regional", RegionalEntry),
        ("intranets", IntranetEntry),
    ],
)
def test_every_key_is_described(variable: str, entry: type) -> None:
    keys = {each.name for each in dataclasses.fields(entry)}
    described = SPECIFICATION[f"voucher_client_{variable}"]["options"]
    assert set(described) == (keys - TABLES if variable == "settings" else keys)
    assert all("description" in each for each in described.values())


def test_every_choice_is_described() -> None:
    choices = {"direct": DIRECT, "mode": MODES, "profile": PROFILES, "reporting": REPORTING, "selection": SELECTIONS}
    for variable in ("settings", "domains"):
        options = SPECIFICATION[f"voucher_client_{variable}"]["options"]
        assert {key: set(options[key]["choices"]) for key in choices} == {key: set(of) for key, of in choices.items()}


def test_what_is_given_is_checked_before_anything_is_done(tmp_path: Path) -> None:
    task = {
        "name": "Validate",
        "ansible.builtin.validate_argument_spec": {"argument_spec": SPECIFICATION, "provided_arguments": "{{ given }}"},
    }
    cases = [
        GOOD,
        {"voucher_client_settings": {"modes": "warn"}},
        {"voucher_client_domains": [{"mode": "warn"}]},
        {"voucher_client_domains": [{"domains": ["a.test"], "profile": "lax"}]},
        {"voucher_client_regional": [{"domains": ["a.test"]}]},
    ]
    said = refusals(tmp_path, task, [{"given": case} for case in cases])
    for words, message in zip(("", "modes", "domains", "lax", "without"), said, strict=True):
        assert (words in message) if words else message == ""


def write(folder: Path, given: dict[str, Any]) -> tuple[int, str]:
    """Run the role; return how it ended, and what it said."""
    tasks = tasks_of("voucher_client", folder)
    (template,) = (task["ansible.builtin.template"] for task in tasks if "ansible.builtin.template" in task)
    template["src"] = f"{ANSIBLE}/roles/voucher_client/templates/{template['src']}"
    own = {"__voucher_client_private": f"{folder}/mecai/intranet"}
    ran = play(folder, tasks, "-e", json.dumps(own | given), vars_files=files_of("voucher_client"))
    return ran.returncode, ran.stdout


def test_the_whole_file_is_written_and_only_good_settings_replace_it(tmp_path: Path) -> None:
    code, said = write(tmp_path, GOOD)
    assert code == 0, said
    file = tmp_path / "mecai" / "client.toml"
    assert read_policy(file) == ClientPolicy(
        mode="warn",
        contexts=(),
        max_voucher_age_hours=12,
        resume=True,
        state=Path("/x"),
        domains=(
            DomainEntry(("bank.test", "B\u00fccher.test"), mode="enforce", profile="strict", max_status_hours=24),
            DomainEntry(("old.test",), mode="off"),
        ),
        regional=(RegionalEntry(("bank.test",), ("north", "south")),),
    )
    before = file.read_text()
    code, said = write(tmp_path, {"voucher_client_domains": [{"domains": ["bank.test"], "quorum": 4}]})
    assert code != 0
    assert "quorum: 4 of 3 candidates cannot vouch for bank.test" in said
    assert file.read_text() == before
