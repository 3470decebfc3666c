"""What the role `directory_server` has nginx serve is what a VAS fetches: that file, from whom its roots certify."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from mecai.errors import HostError
from mecai.net.web import get
from mecai.service.deadline import Deadline
from mecai.vas.config import ContextSource, read_config
from mecai.vas.trust.refresh import over_https
from tests.patience import SECONDS
from tests.pki import Hierarchy
from tests.ports import free_port
from tests.unit.ansible.running import ANSIBLE, listening, play
from tests.unit.ansible.test_contexts import FETCHED, FILE, WITH_ROOTS, written

ROLE = ANSIBLE / "roles" / "directory_server"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
NOW = datetime.now(UTC).replace(microsecond=0)
AROUND = """
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/pid; events {{}}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the role's site, with what it names; what lies beside the directory is nobody's to read."""
    folder = tmp_path_factory.mktemp("publisher")
    site = Hierarchy("alder", NOW).server("localhost")
    (folder / "directory.der").write_bytes(b"signed octets")
    (folder / "directory.der.new").write_bytes(b"half of its successor")
    (folder / "key.pem").write_bytes(site.key_pem)
    (folder / "certificate.pem").write_bytes(site.chain_pem)
    given = {f"directory_server_{name}": f"{folder}/{name}.pem" for name in ("key", "certificate")}
    given |= {"directory_server_host_name": "localhost", "directory_server_file": f"{folder}/directory.der"}
    template = {"src": f"{ROLE}/templates/site.conf.j2", "dest": f"{folder}/site.conf", "mode": "0600"}
    files = [f"{ROLE}/{part}/main.yml" for part in ("defaults", "vars")]
    write = {"name": "Write", "ansible.builtin.template": template}
    ran = play(folder, [write], "-e", json.dumps(given), vars_files=files)
    assert ran.returncode == 0, ran.stdout
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """Run nginx with that site, on a port of the loopback."""
    if NGINX is None:
        pytest.skip("there is no nginx on this machine")
    port = free_port()
    site = (folder / "site.conf").read_text()
    assert "listen [::]:443 ssl;" in site
    site = site.replace("listen [::]:443 ssl;", "").replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    command = [NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", f"{folder}/error.log"]
    subprocess.run([*command, "-t", "-q"], check=True, timeout=SECONDS)
    with listening(command, port):
        yield port


def source(folder: Path, port: int, issuer: Hierarchy) -> ContextSource:
    roots = folder / f"{issuer.name}.pem"
    roots.write_bytes(issuer.root.pem)
    return ContextSource("MOZ", folder / "publishers.pem", url=f"https://localhost:{port}/directory.der", roots=roots)


def test_the_directory_is_fetched_and_known_again(folder: Path, port: int) -> None:
    at = source(folder, port, Hierarchy("alder", NOW))
    found = over_https(at, "")
    assert found is not None
    assert found.octets == b"signed octets"
    assert over_https(at, found.etag) is None


def test_a_server_of_another_ca_is_none_of_the_publishers(folder: Path, port: int) -> None:
    with pytest.raises(HostError, match="its certificate is not trusted"):
        over_https(source(folder, port, Hierarchy("birch", NOW)), "")


@pytest.mark.parametrize("path", ["", "key.pem", "directory.der/key.pem", "directory.der.new", "publishers.pem"])
def test_nothing_else_is_served(path: str, port: int) -> None:
    roots = [Hierarchy("alder", NOW).root.certificate]
    assert get(f"https://localhost:{port}/{path}", 1024, Deadline(SECONDS), roots) is None


@pytest.mark.parametrize("option", [(), ("--check",)])
def test_what_the_publisher_signed_is_put_where_nginx_looks_and_his_key_is_not(
    tmp_path: Path, option: tuple[str, ...]
) -> None:
    """A check before the directory was ever signed passes over it."""
    publisher = ANSIBLE / "roles" / "directory_publisher"
    tasks = yaml.safe_load((publisher / "tasks" / "main.yml").read_text().replace("become: true", "become: false"))
    [put] = [each for task in tasks for each in task.get("block", ()) if "ansible.builtin.copy" in each]
    folders = yaml.safe_load((publisher / "vars" / "main.yml").read_text())
    public = folders["__directory_publisher_public"]
    assert f"{public}/directory.der" == _read("defaults")["directory_server_file"]
    assert [each["path"] for each in tasks[0]["vars"]["service_folders"]] == ["{{ __directory_publisher_public }}"]
    given: dict[str, object] = {f"__directory_publisher_{name}": f"{tmp_path}/{name}" for name in ("state", "public")}
    (tmp_path / "public").mkdir()
    if not option:
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "directory.der").write_bytes(b"signed")
    given["__directory_publisher_current"] = {"rc": 2}
    ran = play(tmp_path, [put], "-e", json.dumps(given), *option)
    assert ran.returncode == 0, ran.stdout
    served = [(path.name, path.read_bytes()) for path in (tmp_path / "public").iterdir()]
    assert served == ([] if option else [("directory.der", b"signed")])


def test_its_play_is_static() -> None:
    """What the role leaves to `readiness` it says by variables of nginx's role, which a role that is included hides."""
    publish, serve = yaml.safe_load((ANSIBLE / "playbooks" / "directory.yml").read_text(encoding="utf-8"))
    assert (publish["hosts"], serve["hosts"]) == ("vendors:publishers", "directory_servers")
    assert serve["roles"] == [{"role": "mecai.infrastructure.directory_server"}]


def _read(part: str) -> dict[str, str]:
    read: dict[str, str] = yaml.safe_load((ROLE / part / "main.yml").read_text(encoding="utf-8"))
    return read


def test_one_list_of_roots_is_for_all_that_name_none(tmp_path: Path) -> None:
    """Empty, it is what the host trusts: no file is named."""
    given = {"voucher_authority_directory_roots": Hierarchy("alder", NOW).root.pem.decode()}
    path, _ = written(tmp_path, [FILE, FETCHED, WITH_ROOTS], **given)
    assert [each.roots and str(each.roots) for each in read_config(path).directories] == [
        None,
        "/etc/mecai/directory-roots.pem",
        WITH_ROOTS["roots"],
    ]
