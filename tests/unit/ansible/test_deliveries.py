"""The role `voucher_deliveries`: what it writes is what sshd and the sidecar take."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest

from mecai.sidecar.config import read_config
from tests.unit.ansible.running import ANSIBLE
from tests.unit.ansible.test_intranets import write

ROLE = ANSIBLE / "roles" / "voucher_deliveries"
SSHD = shutil.which("sshd", path="/usr/sbin")


def rendered(name: str, **variables: Any) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters |= {"comment": lambda text: f"# {text}", "to_json": json.dumps}
    return environment.from_string((ROLE / "templates" / name).read_text()).render(ansible_managed="mine", **variables)


def test_the_settings_are_a_sidecars(tmp_path: Path) -> None:
    certificate = {"chain": "/etc/tls/www.pem", "addresses": ["192.0.2.1"], "port": 443}
    settings = {"publishers": "/etc/mecai/publishers.pem"}
    path = tmp_path / "deliveries.toml"
    path.write_text(
        rendered(
            "deliveries.toml.j2",
            voucher_deliveries_settings=settings,
            voucher_deliveries_certificates=[certificate],
        )
    )
    config = read_config(path)
    assert config.directory.parent == config.state == Path("/var/lib/mecai-deliveries")
    assert config.certificates[0].port == 443


@pytest.mark.parametrize("given", [{}, {"tls_server_staples": "/var/lib/mecai-deliveries/staples"}])
def test_the_tls_server_reads_where_deliveries_lie(tmp_path: Path, given: dict[str, str]) -> None:
    site = write("tls_server", "site.conf.j2", tmp_path, tls_server_names=["www.example.test"], **given)
    assert ('voucher_directory "/var/lib/mecai-deliveries/staples";' in site) is bool(given)
    assert ("voucher_directory" in site) is bool(given)


@pytest.mark.skipif(SSHD is None, reason="openssh-server is not installed: make test-deps")
@pytest.mark.skipif(os.geteuid() != 0, reason="sshd wants a folder of root's, /run/sshd, to read its settings at all")
def test_sshd_takes_what_the_keys_open(tmp_path: Path) -> None:
    Path("/run/sshd").mkdir(exist_ok=True)  # else its unit's doing
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "host"], check=True)
    path = tmp_path / "sshd.conf"
    path.write_text(f"HostKey {tmp_path}/host\n" + rendered("sshd.conf.j2"))
    words = [str(SSHD), "-T", "-f", str(path), "-C", "user=mecai-deliveries,host=h,addr=192.0.2.1"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "forcecommand /opt/mecai/venv/bin/mecai sidecar receive --config /etc/mecai/deliveries.toml" in said
    assert {"disableforwarding yes", "permittty no", "passwordauthentication no", "maxsessions 1"} <= set(said)
    assert "authorizedkeysfile /etc/mecai/deliverers" in said
