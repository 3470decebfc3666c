"""Each extra of the wheel alone: it brings what its command needs, and the base brings no server.

What an extra forgets to name is not there (`tests.integration.installed`).
"""

import json
import re
from pathlib import Path

import pytest

from tests.integration.installed import Environment, build_wheel
from tests.unit.sidecar.conftest import make_side

ROOT = Path(__file__).resolve().parents[2]
VOUCHER = ROOT / "nginx_module_shim" / "tests" / "data" / "first.voucher"
EXTRAS = ("", "ca", "demo", "postgresql", "testbed", "vas")
# The rooms whose every module an extra must be able to load; the base loads those that are in no other line.
# The client's adapters need the libraries that they adapt, which no extra brings.
ROOMS = {
    "": ["mecai.client", "mecai.evidence", "mecai.protocol", "mecai.server", "mecai.sidecar", "mecai.tls", "mecai.vrp"],
    "ca": ["mecai.ca"],
    "testbed": ["testbed"],
    "vas": ["mecai.vas", "mecai.probing", "mecai.evidence", "mecai.net"],
}
LOAD = """
import importlib, pkgutil, sys
for room in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
        ends = module.name.endswith((".migrations.env", ".__main__"))
        if not ends and ".versions." not in module.name and ".client.adapters." not in module.name:
            importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of the present sources."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> dict[str, Environment]:
    """Make an environment for each extra; the one without an extra has the empty name."""
    return {extra: Environment(tmp_path_factory.mktemp("venv"), wheel, extra) for extra in EXTRAS}


def test_every_extra_is_tried(environments: dict[str, Environment]) -> None:
    assert {"", *environments[""].wheel.metadata.get_all("Provides-Extra", [])} == set(EXTRAS)


def test_the_demonstration_brings_what_its_parts_bring(environments: dict[str, Environment]) -> None:
    demo, ca, vas = (environments[extra].packages.keys() for extra in ("demo", "ca", "vas"))
    assert demo == ca | vas


def test_the_base_brings_no_server(environments: dict[str, Environment]) -> None:
    names = {name.lower() for name in environments[""].packages}
    assert {"click", "cryptography", "idna", "publicsuffixlist", "rich"} <= names
    assert not names & {
        "alembic",
        "ansible-core",
        "dnspython",
        "flask",
        "gunicorn",
        "pyopenssl",
        "sqlalchemy",
        "pyyaml",
    }


@pytest.mark.parametrize("extra", ROOMS)
def test_an_extra_brings_all_that_its_rooms_load(environments: dict[str, Environment], extra: str) -> None:
    done = environments[extra].run("python", "-c", LOAD, *ROOMS[extra])
    assert done.returncode == 0, done.stderr


def test_the_driver_for_postgresql_brings_its_library(environments: dict[str, Environment]) -> None:
    done = environments["postgresql"].run("python", "-c", "import psycopg; print(psycopg.pq.version())")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["ca", "demo", "vas"])
def test_a_verb_without_its_extra_says_what_to_install(environments: dict[str, Environment], verb: str) -> None:
    done = environments[""].run("mecai", verb, "--help")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(rf"mecai: {verb}: \w+ is not installed: pip install 'mecai\[{verb}\]'\n", done.stderr)


def test_the_lab_without_its_extra_says_what_to_install(environments: dict[str, Environment]) -> None:
    done = environments[""].run("testbed", "status")
    assert done.returncode == 3
    assert re.fullmatch(r"testbed: status: \w+ is not installed: pip install 'mecai\[testbed\]'\n", done.stderr)


def test_the_base_runs_its_commands(environments: dict[str, Environment]) -> None:
    base = environments[""]
    assert json.loads(base.run("mecai", "voucher", "view", VOUCHER, "--format", "json").stdout)["probedPort"] == 443
    for words in (["client", "get"], ["directory", "view"], ["key"], ["sidecar", "run"], ["voucher", "request"]):
        assert base.run("mecai", *words, "--help").stdout.startswith(f"Usage: mecai {' '.join(words)}")
    assert base.run("mecai", "client", "get", "https://127.0.0.1:9/").returncode == 3


def test_a_ca_runs(environments: dict[str, Environment], tmp_path: Path) -> None:
    lines = ['name = "alder"', 'owner_group = "alder"', 'region = "north"', 'ocsp_url = "http://ocsp.alder.test"']
    lines += ['vas_url = "https://vas.alder.test"', f'state = "{tmp_path}/state"', f'public = "{tmp_path}/public"']
    (tmp_path / "ca.toml").write_text("\n".join(lines))
    for verb in ("init", "publish", "list"):
        done = environments["ca"].run("mecai", "ca", verb, "--config", tmp_path / "ca.toml")
        assert done.returncode == 0, done.stderr


def test_a_voucher_authority_server_runs(environments: dict[str, Environment], tmp_path: Path) -> None:
    lines = [f'{name} = "{tmp_path}/{name}.pem"' for name in ("key", "certificate", "root")]
    lines += [f'database = "sqlite:///{tmp_path}/vas.sqlite"', "[[directory]]", 'context = "MOZ"']
    lines += [f'path = "{tmp_path}/directory.der"', f'publishers = "{tmp_path}/publishers.pem"']
    (tmp_path / "vas.toml").write_text("\n".join(lines))
    for verb in ("check", "migrate"):
        done = environments["vas"].run("mecai", "vas", verb, "--config", tmp_path / "vas.toml")
        assert done.returncode == 0, done.stderr


def test_a_sidecar_runs(environments: dict[str, Environment], tmp_path: Path) -> None:
    config = make_side(tmp_path).config
    entry = config.certificates[0]
    (tmp_path / "sidecar.toml").write_text(
        f'directory = "{config.directory}"\npublishers = "{config.publishers}"\nstate = "{config.state}"\n'
        f'[[certificate]]\nchain = "{entry.chain}"\naddresses = ["{entry.addresses[0]}"]\n'
    )
    done = environments[""].run("mecai", "sidecar", "status", "--config", tmp_path / "sidecar.toml")
    # The signed directory was read and judged; its last day has been over since before this test was written.
    assert (done.returncode, done.stderr.partition(":")[2].split()[:2]) == (1, ["directory-expired", "(D4):"])


def test_the_lab_runs(environments: dict[str, Environment]) -> None:
    lab = environments["testbed"]
    for words in ([], ["up"], ["status"], ["check"]):
        assert lab.run("testbed", *words, "--help").stdout.startswith(" ".join(["Usage: testbed", *words]))
    assert lab.run("python", "-m", "ansible", "playbook", "--version").returncode == 0
