"""What the role `nginx` settles for all sites, held by a real nginx: who the client is, and how much it may ask."""

import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.patience import SECONDS
from tests.ports import free_port
from tests.unit.ansible.running import ANSIBLE, listening, play

ROLE = ANSIBLE / "roles" / "nginx"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
NAMES = ("__tls_server_name", "tls_server_certificate", "__voucher_authority_host_name",
         "__voucher_authority_tls_certificate", "__directory_server_host_name",
         "directory_server_certificate")  # fmt: skip
SITE = """
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/pid; events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/common.conf;
    server {{
        listen 127.0.0.1:{port};
        location = /client {{ return 200 $remote_addr; }}
        location = /slow {{ proxy_pass http://unix:{folder}/slow.sock; }}
    }}
}}
"""


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[int]:
    """Run nginx with the role's own template; yield its port on the loopback."""
    template = {"src": f"{ROLE}/templates/common.conf.j2", "dest": f"{folder}/common.conf", "mode": "0600"}
    files = [f"{ROLE}/{part}/main.yml" for part in ("defaults", "vars")]
    task = {"name": "Write it", "ansible.builtin.template": template}
    ran = play(folder, [task], *options, vars_files=files)
    assert ran.returncode == 0, ran.stdout
    port = free_port()
    (folder / "nginx.conf").write_text(SITE.format(folder=folder, port=port))
    command = [str(NGINX), "-p", str(folder), "-c", "nginx.conf"]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=SECONDS)
    assert tested.returncode == 0, tested.stderr
    with listening(command, port):
        yield port


def asked(port: int, path: str, **headers: str) -> tuple[int, str]:
    """Ask nginx once."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()


@pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")
def test_only_a_trusted_proxy_is_believed_who_the_client_is(tmp_path: Path) -> None:
    (trusting := tmp_path / "trusting").mkdir()
    with serving(trusting, "-e", '{"nginx_trusted_proxies": ["127.0.0.0/8", "2001:db8::/32"]}') as port:
        # What the client itself wrote, 192.0.2.1, stands before what the proxies saw.
        through = asked(port, "/client", X_Forwarded_For="192.0.2.1, 203.0.113.9, 127.0.0.2")
        assert through == (200, "203.0.113.9")
    (plain := tmp_path / "plain").mkdir()
    with serving(plain) as port:
        assert asked(port, "/client", X_Forwarded_For="203.0.113.9") == (200, "127.0.0.1")


@pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")
def test_one_address_may_ask_only_so_much_at_once(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as slow, serving(tmp_path, "-e", "nginx_connections_per_address=1") as port:
        slow.bind(f"{tmp_path}/slow.sock")
        (tmp_path / "slow.sock").chmod(0o666)
        slow.listen()
        slow.settimeout(SECONDS)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as first:
            first.request("GET", "/slow")
            at_work, _ = slow.accept()
            with at_work:
                assert asked(port, "/slow")[0] == 503


def test_an_nginx_that_died_is_started_again() -> None:
    """Held by systemd itself in the lab; here, that its unit gets the word, in the folder that systemd reads."""
    tasks = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))
    written = {task["ansible.builtin.template"]["dest"]: task for task in tasks if "ansible.builtin.template" in task}
    source = written["/etc/systemd/system/nginx.service.d/mecai.conf"]["ansible.builtin.template"]["src"]
    assert "\n[Service]\nRestart=on-failure\n" in (ROLE / "templates" / source).read_text(encoding="utf-8")
    assert tasks[-1]["ansible.builtin.systemd_service"]["daemon_reload"] is True


def test_an_nginx_that_would_not_start_is_not_stopped(tmp_path: Path) -> None:
    """Each site is checked alone before it is written; a restart takes all of them."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nginx").write_text("#!/bin/sh\necho 'emerg: two sites are one too many' >&2; exit 1\n")
    (tmp_path / "bin" / "nginx").chmod(0o755)
    notify = {"name": "Install", "ansible.builtin.command": "true", "changed_when": True, "notify": "Restart nginx"}
    handlers = yaml.safe_load((ROLE / "handlers" / "main.yml").read_text(encoding="utf-8"))
    words = {"handlers": handlers, "force_handlers": True, "environment": {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}}
    ran = play(tmp_path, [notify], **words)
    assert "two sites are one too many" in ran.stdout
    assert "[Restart nginx]" not in ran.stdout


@pytest.mark.parametrize("role", ["tls_server", "voucher_authority", "directory_server"])
def test_a_certificate_that_a_broken_run_left_unread_is_read(tmp_path: Path, role: str) -> None:
    """Nothing changes any more, so that no task but this one notifies; that nginx says nothing in time is no change."""
    (block,) = [task["block"] for task in yaml.safe_load(_tasks_of(role)) if "block" in task]
    (task,) = [task for task in block if "nginx_shows" in str(task)]
    reload = {"name": "Reload nginx", "ansible.builtin.file": {"path": f"{tmp_path}/read", "state": "touch"}}
    shows = {"silent": ["sh", "-c", "exit 124"], "the same": ["true"], "another": ["false"]}
    flush = {"name": "Flush", "ansible.builtin.meta": "flush_handlers"}
    unread = {"name": "See", "ansible.builtin.assert": {"that": f"not '{tmp_path}/read' is exists"}}
    tasks: list[dict[str, Any]] = []
    for name, argv in shows.items():
        tasks += [task | {"name": name, "vars": {"nginx_shows": argv}}, flush, *([unread] if name != "another" else [])]
    ran = play(tmp_path, tasks, "-e", json.dumps(dict.fromkeys(NAMES, "given")), handlers=[reload])
    assert ran.returncode == 0, ran.stdout
    assert "changed=2 " in ran.stdout, ran.stdout  # the last one's, and its handler
    assert (tmp_path / "read").exists()


SHOWS: Final = {
    "nginx/defaults": "nginx_shows",
    "mail_host/vars": "__mail_host_shows",
    "mail_server/vars": "__mail_server_shows",
}
OPENSSL: Final = """#!/bin/sh
# Shows what the next file says, up to the last; a certificate and its fingerprint are one text.
case "$1" in
    s_client)
        next=$(ls {folder}/shown.* 2>/dev/null | head -1)
        [ -n "$next" ] && cat "$next" && mv "$next" {folder}/seen ;;
    x509) [ "$2" = -in ] && exec cat "$3"; cat ;;
esac
"""


@pytest.mark.parametrize(("where", "name"), SHOWS.items(), ids=SHOWS.values())
@pytest.mark.parametrize(
    ("shown", "same"), [(["new"], True), (["old", "new"], True), (["old", "old", "new"], False), ([], False)]
)
def test_a_certificate_that_was_renewed_this_moment_is_looked_for_twice(
    tmp_path: Path, where: str, name: str, shown: list[str], same: bool
) -> None:
    """A timer turns the file, and lets the server read it: in between, it shows another one."""
    words = yaml.safe_load((ANSIBLE / "roles" / where / "main.yml").read_text(encoding="utf-8"))[name]
    (tmp_path / "file").write_text("new")
    (tmp_path / "openssl").write_text(OPENSSL.format(folder=tmp_path))
    (tmp_path / "openssl").chmod(0o755)
    for number, text in enumerate(shown):
        (tmp_path / f"shown.{number}").write_text(text)
    given = ["www.example.test", str(tmp_path / "file")] if name == "nginx_shows" else [str(tmp_path / "file")]
    command = [*(word for word in words if "{{" not in word), *given]
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, timeout=SECONDS)
    assert (done.returncode == 0) is same


def _tasks_of(role: str) -> str:
    return (ANSIBLE / "roles" / role / "tasks" / "main.yml").read_text(encoding="utf-8")
