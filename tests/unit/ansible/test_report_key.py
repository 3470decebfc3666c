"""What the roles write of a VA's report key is what the programs read."""

import base64
import json
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mecai.ca.config import AuthorityConfig
from mecai.service.pem import load_key
from mecai.service.settings import read_settings
from mecai.vas.config import read_config
from mecai.vas.reports.authorship import ReportSigner
from tests.pki import key
from tests.unit.ansible.running import ANSIBLE, play
from tests.unit.ansible.test_intranets import write

PUBLIC = base64.b64encode(key("reports").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
CA = {"name": "corp", "region": "north", "ocsp_url": "http://ocsp.corp.test"}


def test_a_ca_tells_the_directory_of_the_key(tmp_path: Path) -> None:
    given = {f"certificate_authority_{key}": value for key, value in CA.items()}
    write("certificate_authority", "ca.toml.j2", tmp_path, **given)
    assert read_settings(tmp_path / "out", AuthorityConfig).report_key is None
    given["certificate_authority_report_key"] = PUBLIC.decode()
    write("certificate_authority", "ca.toml.j2", tmp_path, **given)
    assert read_settings(tmp_path / "out", AuthorityConfig).report_key == PUBLIC.decode()


def test_its_va_is_told_where_the_key_lies(tmp_path: Path) -> None:
    settings = {"report_key": "/var/lib/mecai-vas/report-key.pem"}
    given = {"voucher_authority_settings": settings, "voucher_authority_host_name": "vas.corp.test"}
    write("voucher_authority", "vas.toml.j2", tmp_path, **given)
    assert read_config(tmp_path / "out").report_key == Path(settings["report_key"])


def _made(folder: Path, *options: str) -> str:
    """Run the role's own tasks and write the CA's settings, as the user who runs the tests; return what was said."""
    text = (ANSIBLE / "roles/report_key/tasks/main.yml").read_text(encoding="utf-8")
    (block,) = [
        task["block"] for task in yaml.safe_load(text.replace("become: true", "become: false")) if "block" in task
    ]
    template = {
        "src": f"{ANSIBLE}/roles/certificate_authority/templates/ca.toml.j2",
        "dest": f"{folder}/ca.toml",
        "mode": "0600",
    }
    tasks = [*block, {"name": "Write the CA's settings", "ansible.builtin.template": template}]
    given: dict[str, object] = {f"certificate_authority_{key}": value for key, value in CA.items()}
    given |= {"voucher_authority_settings": {"report_key": f"{folder}/report-key.pem"}}
    roles = ("report_key", "certificate_authority")
    files = [f"{ANSIBLE}/roles/{role}/defaults/main.yml" for role in roles]
    ran = play(folder, tasks, "-e", json.dumps(given), *options, vars_files=files)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def test_the_key_is_made_once_and_its_ca_tells_the_directory_of_it(tmp_path: Path) -> None:
    _made(tmp_path)
    path = tmp_path / "report-key.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    made = path.read_bytes()
    public = ReportSigner(load_key(path), bytes(32)).public_key
    told = read_settings(tmp_path / "ca.toml", AuthorityConfig).report_key
    assert told is not None
    assert base64.b64decode(told) == public
    assert "changed=0" in _made(tmp_path)
    assert path.read_bytes() == made


def test_a_first_check_makes_no_key_and_says_nothing_of_it(tmp_path: Path) -> None:
    assert "report_key = " not in _made(tmp_path, "--check", "--diff")
    assert not (tmp_path / "report-key.pem").exists()


@pytest.mark.parametrize(
    ("group", "settings", "made"),
    [
        ("authorities", {"report_key": "/x.pem"}, True),
        ("authorities", {}, False),
        ("private_authorities", {"report_key": "/x.pem"}, False),
    ],
)
def test_it_is_made_for_vas_that_name_it(tmp_path: Path, group: str, settings: dict[str, str], *, made: bool) -> None:
    """Before their CA, which describes them for the directory."""
    [keep] = yaml.safe_load((ANSIBLE / "playbooks/certificate_authorities.yml").read_text(encoding="utf-8"))
    assert [each["role"].rpartition(".")[2] for each in keep["roles"]] == ["report_key", "certificate_authority"]
    group_of = {"name": "Group", "ansible.builtin.group_by": {"key": group}, "changed_when": False}
    say = {"name": "Say", "ansible.builtin.debug": {"msg": "made"}, "when": keep["roles"][0]["when"]}
    ran = play(tmp_path, [group_of, say], "-e", json.dumps({"voucher_authority_settings": settings}))
    assert ran.returncode == 0, ran.stdout
    assert ('"msg": "made"' in ran.stdout) is made
