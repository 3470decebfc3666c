"""The role `haproxy_server`: what gives HAProxy its OCSP responses, and settings that HAProxy takes."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import jinja2
import pytest
import yaml

from tests.patience import SECONDS
from tests.pki import Hierarchy
from tests.unit.ansible.running import ANSIBLE, play

ROLE: Final = ANSIBLE / "roles" / "haproxy_server"
HAPROXY: Final = shutil.which("haproxy", path="/usr/sbin:/usr/bin")


def _given(folder: Path, said: str, response: Path) -> subprocess.CompletedProcess[str]:
    """Run the hook with an HAProxy that says something; each that is called leaves its name and what it was told."""
    for name in ("socat", "systemctl"):
        answer = f"printf '{said}'" if name == "socat" else "exit 0"
        told = "cat >>told" if name == "socat" else "true"
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >>called\n{told}\n{answer}\n')
        (folder / name).chmod(0o755)
    return subprocess.run(
        [str(ROLE / "files" / "mecai-haproxy-ocsp"), str(response)], cwd=folder, capture_output=True, text=True,
        env={"PATH": f"{folder}:/usr/bin:/bin"}, timeout=SECONDS, check=False,
    )  # fmt: skip


def test_haproxy_is_given_the_response_at_its_socket_and_nothing_is_reloaded(tmp_path: Path) -> None:
    response = tmp_path / "www.pem.ocsp"
    response.write_bytes(bytes(range(200)))
    ran = _given(tmp_path, "OCSP Response updated!\\n\\n", response)
    assert (ran.returncode, ran.stdout) == (0, f"{response}: taken by HAProxy\n")
    told = (tmp_path / "told").read_text()
    assert told == f"set ssl ocsp-response {base64.b64encode(response.read_bytes()).decode()}\n"
    assert "systemctl" not in (tmp_path / "called").read_text()


def test_one_that_knew_of_none_is_reloaded(tmp_path: Path) -> None:
    response = tmp_path / "www.pem.ocsp"
    response.write_bytes(b"response")
    ran = _given(
        tmp_path, "OCSP single response: Certificate ID does not match any certificate or issuer.\\n", response
    )
    assert ran.returncode == 0
    assert ran.stdout == (
        "HAProxy: OCSP single response: Certificate ID does not match any certificate or issuer.; it is reloaded\n"
    )
    assert (tmp_path / "called").read_text().splitlines()[-1] == "systemctl reload haproxy"


@pytest.mark.skipif(HAPROXY is None, reason="there is no HAProxy here")
@pytest.mark.parametrize("backends", [[], ["192.0.2.1:8080", "[2001:db8::1]:8080"]])
def test_haproxy_takes_its_settings(tmp_path: Path, backends: list[str]) -> None:
    site = Hierarchy("alder").server("www.example.test")
    chain = tmp_path / "www.pem"
    chain.write_bytes(site.chain_pem)
    chain.with_name("www.pem.key").write_bytes(site.key_pem)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters["comment"] = lambda text: f"# {text}"
    text = environment.from_string((ROLE / "templates" / "haproxy.cfg.j2").read_text()).render(
        ansible_managed="mine", haproxy_server_certificate=chain, haproxy_server_backends=backends,
        __haproxy_server_tls_port=8443, __haproxy_server_behind=980,
    )  # fmt: skip
    page = tmp_path / "page.html"
    page.touch()
    (tmp_path / "haproxy.cfg").write_text(text.replace("/etc/haproxy/page.html", str(page)))
    checked = subprocess.run(
        [str(HAPROXY), "-c", "-q", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert text.count(" check\n") == len(backends)
    assert "\n    timeout http-request " in text  # who sends a head slowly keeps no connection


@pytest.mark.parametrize("port", ["443", "8443"])
def test_each_is_asked_at_its_own_port(tmp_path: Path, port: str) -> None:
    nginx = yaml.safe_load((ANSIBLE / "roles" / "nginx" / "defaults" / "main.yml").read_text())["nginx_shows"]
    (tmp_path / "openssl").write_text(f'#!/bin/sh\n[ "$1" != s_client ] || echo "$3" >>{tmp_path}/asked\necho same\n')
    (tmp_path / "openssl").chmod(0o755)
    asked = [*nginx, "www.example.test", "www.pem", *([] if port == "443" else [port])]
    environment = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert subprocess.run(asked, env=environment, timeout=SECONDS, check=False).returncode == 0
    assert (tmp_path / "asked").read_text() == f"localhost:{port}\n"


@pytest.mark.parametrize(("code", "changed"), [(0, 0), (124, 0), (1, 1)])
def test_what_does_not_answer_in_time_shows_no_other_certificate(tmp_path: Path, code: int, changed: int) -> None:
    (block,) = [task["block"] for task in yaml.safe_load((ROLE / "tasks" / "main.yml").read_text()) if "block" in task]
    (task,) = [task for task in block if "__haproxy_server_shows" in str(task)]
    handlers = [{"name": name, "ansible.builtin.meta": "noop"} for name in task["notify"]]
    given = {
        "__haproxy_server_shows": ["sh", "-c", f"exit {code}"],
        "__haproxy_server_ports": [{"port": "443", "unit": "nginx"}],
    }
    ran = play(tmp_path, [task], "-e", json.dumps(given), handlers=handlers)
    assert ran.returncode == 0, ran.stdout
    assert f"changed={changed} " in ran.stdout, ran.stdout
