"""No text reaches a host's files as a host name that is none."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from mecai.errors import InputError
from mecai.protocol.pki import names
from tests.unit.ansible.running import ANSIBLE, play

host_name: Callable[..., str] = runpy.run_path(str(ANSIBLE / "plugins" / "filter" / "host_name.py"))["host_name"]
NONE = [
    "www.example.org; include /etc/passwd",
    'www.example.org" default_server',
    "../../etc/cron.d/x",
    "www.example.org.",
    "*.example.org",
    "192.0.2.1",
    "www_1.example.org",
    "straße.example",
    "-a.example",
    f"{'a' * 64}.example",
    ".".join(["a" * 50] * 6),
    "{{ lookup('pipe', 'id') }}",
    "a.example\n",
    "",
]
SITES = {
    "tls_server": {"tls_server_names": "www.example.org,*.example.org", "tls_server_voucher": "no"},
    "voucher_authority": {"voucher_authority_host_name": "VAS.example.org"},
    "ocsp_responder": {"ocsp_responder_host_name": "ocsp.example.org"},
}


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_host_name_is_refused_as_by_the_program(text: str) -> None:
    with pytest.raises(AnsibleFilterError, match="is no host name; expected"):
        host_name(text)
    with pytest.raises(InputError):
        names.host_name(text)


@pytest.mark.parametrize("text", ["www.example.org", "WWW.Example.org", "xn--strae-oqa.example", "alder", "1.example"])
def test_a_host_name_passes_in_the_programs_form(text: str) -> None:
    assert host_name(text) == host_name(text, wildcard=True) == names.host_name(text)


def test_a_wildcard_passes_only_where_it_may() -> None:
    assert host_name("*.example.org", wildcard=True) == "*.example.org"
    with pytest.raises(AnsibleFilterError):
        host_name("*.*.example.org", wildcard=True)


@pytest.mark.parametrize(("role", "known"), SITES.items(), ids=SITES)
def test_a_site_holds_quoted_host_names_and_nothing_else(role: str, known: dict[str, str], tmp_path: Path) -> None:
    """The role's own template and variables, with names from the command line, which are text."""
    folder = ANSIBLE / "roles" / role
    site = {"src": f"{folder}/templates/site.conf.j2", "dest": f"{tmp_path}/site.conf", "mode": "0600"}
    tasks = [{"name": "Write the site", "ansible.builtin.template": site}]
    files = [f"{folder}/{part}/main.yml" for part in ("defaults", "vars")]
    options = [word for name, value in known.items() for word in ("-e", f"{name}={value}")]
    ran = play(tmp_path, tasks, *options, vars_files=files)
    assert ran.returncode == 0, ran.stdout
    expected = (
        '"www.example.org" "*.example.org"' if role == "tls_server" else f'"{host_name(next(iter(known.values())))}"'
    )
    assert f"server_name {expected};" in (tmp_path / "site.conf").read_text()

    (tmp_path / "site.conf").unlink()
    ran = play(tmp_path, tasks, "-e", f'{{"{next(iter(known))}": "a.example; autoindex on"}}', vars_files=files)
    assert ran.returncode != 0
    assert "'a.example; autoindex on' is no host name" in ran.stdout + ran.stderr
    assert not (tmp_path / "site.conf").exists()
