"""The role `voucher_export`: what its units run is what the program takes, and how nginx begins."""

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import jinja2
import pytest
import yaml

from mecai.cli.sidecar_export import export
from mecai.sidecar.export import LEAST_LEFT
from tests.unit.ansible.running import ANSIBLE, refusals

ROLE: Final = ANSIBLE / "roles" / "voucher_export"
SERVER: Final = ANSIBLE / "roles" / "tls_server"


def _role(name: str) -> Any:
    return yaml.safe_load((ROLE / name / "main.yml").read_text())


def _unit(template: str = "export.service.j2", **file: Any) -> list[str]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters |= {
        "comment": lambda text: f"# {text}",
        "to_json": json.dumps,
        "dirname": lambda path: str(Path(path).parent),
    }
    text = (ROLE / "templates" / template).read_text()
    words = {"ansible_managed": "mine", "file": {"name": "www"} | file, **_role("defaults")}
    return environment.from_string(text).render(words).splitlines()


def _command(lines: list[str]) -> dict[str, Any]:
    """Give what a unit runs, by the rules of systemd.service(5) and of the program."""
    [line] = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    assert "%" not in line.replace("%%", "")
    assert "$" not in line.replace("$$", "")
    words = shlex.split(line.replace("%%", "%").replace("$$", "$"))
    assert words[:3] == ["/opt/mecai/venv/bin/mecai", "sidecar", "export"]
    return export.make_context("export", words[3:]).params


def test_it_exports_the_only_certificate_and_reloads_nginx() -> None:
    lines = _unit(path="/etc/nginx/tls/www.info")
    given = _command(lines)
    assert (given["out"], given["deploy_hook"]) == (Path("/etc/nginx/tls/www.info"), "systemctl reload nginx")
    assert (given["style"], given["chain"], given["empty"]) == ("serverinfo", None, False)
    assert {'ReadWritePaths="/etc/nginx/tls" -/var/lib/mecai-sidecar', "SuccessExitStatus=1"} <= set(lines)


def test_every_word_of_an_inventory_reaches_the_program_as_it_is() -> None:
    path, chain, hook = "/srv/a 1/100%.info", '/srv/"$HOME".pem', "systemctl reload apache2 && echo '$x' 100%"
    given = _command(_unit(path=path, certificate=chain, hook=hook, max_size=20000))
    assert (given["out"], given["chain"], given["deploy_hook"]) == (Path(path), Path(chain), hook)
    assert given["max_size"] == 20000


def test_no_two_exports_are_further_apart_than_what_they_show_is_good() -> None:
    """Drawn anew each hour, the delay would part two by 70 minutes; what has an hour left is exported."""
    lines = set(_unit("export.timer.j2"))
    assert ("OnCalendar=hourly" in lines, timedelta(hours=1)) == (True, LEAST_LEFT)
    assert {"FixedRandomDelay=yes", "AccuracySec=1s", "Persistent=yes"} <= lines


def test_names_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = {"path": "/etc/nginx/tls/www.info"}
    taken = [[{"name": "www"} | path], [{"name": "www"} | path, {"name": "a.example.test"} | path]]
    refused = [[{"name": "www"} | path] * 2, [{"name": "../www"} | path], [{"name": "a b"} | path]]
    cases = [_role("vars") | {"voucher_export_files": files} for files in taken + refused]
    said = refusals(tmp_path, _role("tasks")[0], cases)
    assert said[: len(taken)] == [""] * len(taken)
    assert all(each.startswith("Expected files in voucher_export_files") for each in said[len(taken) :]), said


@pytest.mark.parametrize(
    ("module", "info", "ocsp", "says"),
    [
        (True, False, False, {"voucher"}),
        (False, True, True, {"ssl_conf_command", "ssl_stapling"}),
        (False, True, False, {"ssl_conf_command"}),
        (False, False, True, {"ssl_stapling"}),
        (False, False, False, set()),
    ],
)
def test_nginx_staples_by_the_module_or_from_the_file(module: bool, info: bool, ocsp: bool, says: set[str]) -> None:
    environment = jinja2.Environment(undefined=jinja2.ChainableUndefined, autoescape=False)  # noqa: S701
    environment.filters["comment"] = lambda text: f"# {text}"
    site = environment.from_string((SERVER / "templates" / "site.conf.j2").read_text()).render(
        __tls_server_voucher=module, __tls_server_info=info, __tls_server_ocsp=ocsp, __tls_server_names=["a.test"]
    )
    assert says == set(re.findall(r"^ +(voucher|ssl_conf_command|ssl_stapling) ", site, re.MULTILINE))


def test_nginx_is_given_a_file_to_begin_with_before_its_site_names_it() -> None:
    [serve] = [task for task in yaml.safe_load((SERVER / "tasks" / "main.yml").read_text()) if "block" in task]
    names = [task["name"] for task in serve["block"]]
    [begin] = [task for task in serve["block"] if task["name"] == "Begin without vouchers"]
    words = begin["ansible.builtin.command"]["argv"]
    assert words[:3] == ["mecai", "sidecar", "export"]
    assert export.make_context("export", words[3:]).params["empty"]
    assert names.index("Begin without vouchers") < names.index("Write the site")
