"""The role `voucher_deliveries`: what it writes is what sshd and the sidecar take."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE
from typing import Any, Final

import jinja2
import pytest
import yaml

from mecai.service import durable
from mecai.sidecar.config import read_config
from tests.pki import Hierarchy
from tests.unit.ansible.running import ANSIBLE, play, refusals
from tests.unit.ansible.test_intranets import write

ROLE = ANSIBLE / "roles" / "voucher_deliveries"
SSHD = shutil.which("sshd", path="/usr/sbin")


NFT = shutil.which("nft", path="/usr/sbin")
HELD: Final = pytest.mark.skipif(NFT is None or os.geteuid() != 0, reason="needs root and nftables: make test-deps")


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


def _commands(unit: str, *keys: str) -> Iterator[list[str]]:
    """Give what a unit runs at these points, in its order, with the rules from where the test has them."""
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    for line in rendered(unit, **variables).splitlines():
        key, _, command = line.partition("=")
        if key in keys:
            yield shlex.split(command)


class Network:
    """A network namespace of the test's own, which ends with the process that keeps it."""

    def __init__(self, keeper: int, rules: Path) -> None:
        self._inside = ("nsenter", f"--net=/proc/{keeper}/ns/net", "--")
        self.rules = rules

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command there, with the rules of the test's own."""
        words = [str(self.rules) if word == "/etc/mecai/deliveries.nft" else word for word in command]
        return subprocess.run([*self._inside, *words], capture_output=True, text=True, timeout=60, check=False)

    def runs(self, unit: str, *keys: str) -> bool:
        """Run what a unit does at these points up to the first that fails; return whether none did."""
        return all(self.run(*command).returncode == 0 for command in _commands(unit, *keys))

    def holds(self, *words: str) -> bool:
        """Return whether the chain is there, and has this."""
        said = self.run("nft", "list", "table", "inet", "mecai_deliveries").stdout
        return bool(said) and all(word in said for word in words)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    rules = tmp_path / "deliveries.nft"
    rules.write_text(rendered("deliveries.nft.j2"))
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; read -r end"], stdin=-1, stdout=-1) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        keeper.stdout.readline()  # it is in its namespace
        yield Network(keeper.pid, rules)
        keeper.stdin.close()


SHUT: Final = "policy drop"
OPEN_FOR_ANSWERS: Final = (SHUT, "ct state established,related accept", "reject")
STARTS: Final = (("closed.service.j2", "ExecStartPre", "ExecStart"), ("closed.service.j2", "ExecReload"))
# Debian's nftables, after it has taken all tables away: it was started, loaded anew, stopped or could not start.
COMES_BACK: Final = tuple(("nftables.conf.j2", key) for key in ("ExecStartPost", "ExecReload", "ExecStopPost"))


@HELD
@pytest.mark.parametrize("does", [*STARTS, *COMES_BACK], ids=" ".join)
def test_a_closed_host_lets_answers_out(network: Network, does: tuple[str, ...]) -> None:
    for _ in range(2):
        assert network.runs(*does)
        assert network.holds(*OPEN_FOR_ANSWERS)


@HELD
@pytest.mark.parametrize("does", [*STARTS, *COMES_BACK], ids=" ".join)
def test_a_host_whose_rules_cannot_be_read_is_shut(network: Network, does: tuple[str, ...]) -> None:
    network.rules.write_text("no rules\n")
    assert not network.runs(*does)
    assert network.holds(SHUT)
    assert not network.holds("accept;")


@HELD
def test_to_load_the_rules_again_keeps_the_count_and_doubles_nothing(network: Network) -> None:
    assert network.runs(*STARTS[0])
    network.run("ip", "link", "set", "lo", "up")
    network.run("nft", "insert rule inet mecai_deliveries output counter name outgoing")
    network.run("python3", "-c", "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))")
    counter = ("nft", "list", "counter", "inet", "mecai_deliveries", "outgoing")
    counted = network.run(*counter).stdout
    assert "packets 0" not in counted
    assert network.runs(*STARTS[1])
    assert network.run(*counter).stdout == counted
    assert network.run("nft", "list", "chain", "inet", "mecai_deliveries", "output").stdout.count("outgoing") == 1


@HELD
def test_rules_that_are_taken_away_leave_it_shut(network: Network) -> None:
    assert network.runs(*STARTS[0])
    network.run("nft", "flush", "table", "inet", "mecai_deliveries")
    assert network.holds(SHUT)


def _role(name: str) -> Any:
    return yaml.safe_load((ROLE / name / "main.yml").read_text())


def test_a_host_that_lets_nobody_in_is_refused_in_one_line(tmp_path: Path) -> None:
    with_options = 'command="sh" ssh-ed25519 AAAA'
    given: list[dict[str, list[str]]] = [
        {"voucher_deliveries_keys": ["ssh-ed25519 AAAA mecai-push"]},
        {"voucher_deliveries_from": ["cdn"]},
        {},
        {"voucher_deliveries_keys": [""]},
        {"voucher_deliveries_keys": [with_options], "voucher_deliveries_from": ["cdn"]},
    ]
    cases = [_role("vars") | _role("defaults") | each for each in given]
    good, named, none, empty, options = refusals(tmp_path, _role("tasks")[0], cases)
    assert good == named == ""
    assert none.endswith("or hosts that deliver in voucher_deliveries_from; saw none")
    assert empty.endswith("; saw none")
    assert options.endswith(f"; saw {with_options}")


def test_keys_are_read_where_they_were_made(tmp_path: Path) -> None:
    """A host that made none stops the run before any is written."""
    tasks = next(task["block"] for task in _role("tasks") if task["name"] == "Let the hosts in that deliver")
    first = next(number for number, task in enumerate(tasks) if "ansible.builtin.slurp" in task)
    steps = yaml.safe_dump(tasks[first : first + 3]).replace("/var/lib/mecai-push", str(tmp_path))
    steps = re.sub(r"become(_user)?: .*", "", steps).replace("/etc/mecai", str(tmp_path))
    read, complain, write_keys = yaml.safe_load(re.sub(r"(owner|group): root", "", steps))
    given = {"voucher_deliveries_keys": ["ssh-ed25519 BBBB by-hand"], "voucher_deliveries_from": ["localhost"]}
    key = {"content": "ssh-ed25519 AAAA mecai-push\n", "dest": f"{tmp_path}/key.pub", "mode": "0600"}
    make = {"name": "Make", "ansible.builtin.copy": key}
    none = [read, complain | {"register": "complained", "ignore_errors": True}]
    held = {"name": "Hold", "ansible.builtin.assert": {"that": "complained is failed"}}
    ran = play(
        tmp_path, [*none, held, make, read, complain, write_keys], vars=_role("vars") | _role("defaults") | given
    )
    assert ran.returncode == 0, ran.stdout
    assert "localhost: no key can be read there; run the role voucher_push on it first" in ran.stdout
    lines = (tmp_path / "deliverers").read_text().splitlines()
    assert lines == ["ssh-ed25519 BBBB by-hand", "ssh-ed25519 AAAA mecai-push"]


def test_what_is_pushed_lies_in_a_folder_of_its_own(tmp_path: Path) -> None:
    push = ROLE.parent / "voucher_push"
    variables = yaml.safe_load((push / "vars" / "main.yml").read_text())
    path = tmp_path / "push.toml"
    path.write_text(
        rendered(
            "../../voucher_push/templates/push.toml.j2",
            **variables,
            voucher_push_settings={"publishers": "/etc/mecai/publishers.pem"},
            voucher_push_certificates=[
                {"chain": "/etc/tls/www.pem", "addresses": ["192.0.2.1"], "port": 993},
                {"chain": "/etc/tls/w3.pem", "addresses": ["192.0.2.1"], "succession": "/etc/slots/w3.succession"},
            ],
        )
    )
    one, other = read_config(path).certificates
    assert (one.chain, one.succession, one.port) == (Path("/var/lib/mecai-push-chains/etc/tls/www.pem"), None, 993)
    assert other.succession == Path("/var/lib/mecai-push-chains/etc/slots/w3.succession")


def _that_lay_chains(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Give the tasks of `voucher_push` that lay chains, with their variables, on this host alone and below a folder."""
    push = ROLE.parent / "voucher_push"
    variables = yaml.safe_load((push / "vars" / "main.yml").read_text()) | {"__voucher_push_chains_folder": str(folder)}
    every = yaml.safe_load((push / "tasks" / "main.yml").read_text())
    tasks = next(task["block"] for task in every if task["name"] == "Make ready to deliver")
    first = next(at for at, task in enumerate(tasks) if task["name"] == "Make the folders of its chains")
    here = [{word: each for word, each in task.items() if word != "delegate_to"} for task in tasks[first : first + 3]]
    assert [task.pop("become_user", None) for task in here] == ["mecai-push", None, "mecai-push"]
    return [{word: each for word, each in task.items() if word != "become"} for task in here], variables


def test_what_a_delivery_has_laid_is_what_the_next_run_finds(tmp_path: Path) -> None:
    """Whatever the other host has in its file besides, what is laid is what `push` lays, and no key."""
    shows, folder = tmp_path / "etc" / "www.pem", tmp_path / "chains"
    laid = Path(f"{folder}{shows}")
    shows.parent.mkdir()
    tasks, variables = _that_lay_chains(folder)
    former, renewed = (Hierarchy("alder").server("www.example.test", days=days) for days in (90, 100))
    for server, changed in ((former, True), (renewed, False)):
        if not changed:
            durable.replace(laid, server.chain_pem, durable.PUBLIC)  # as `push` does
        shows.write_bytes("of Étienne\n".encode("latin-1") + server.chain_pem.replace(b"\n", b"\r\n") + server.key_pem)
        shown = {"chain": str(shows), "succession": f"{tmp_path}/slots/www/live.succession"}
        ran = play(tmp_path, tasks, vars=variables | {"voucher_push_certificates": [shown]})
        assert ran.returncode == 0, ran.stdout
        assert Path(f"{folder}{shown['succession']}").parent.is_dir()
        assert (" changed=0 " in ran.stdout) is not changed, ran.stdout
        assert laid.read_bytes() == server.chain_pem
    made = [folder, *(each for each in laid.parents if each.is_relative_to(folder))]
    assert ({S_IMODE(each.stat().st_mode) for each in made}, S_IMODE(laid.stat().st_mode)) == ({0o755}, 0o644)


def test_what_is_no_certificate_is_not_laid(tmp_path: Path) -> None:
    shows = tmp_path / "www.pem"
    shows.write_bytes(Hierarchy("alder").server("www.example.test").key_pem)
    tasks, variables = _that_lay_chains(tmp_path / "chains")
    ran = play(tmp_path, tasks, vars=variables | {"voucher_push_certificates": [{"chain": str(shows)}]})
    assert ran.returncode != 0
    assert "failed to validate" in ran.stdout
    assert not Path(f"{tmp_path}/chains{shows}").exists()


@pytest.mark.parametrize(
    ("chain", "taken"),
    [
        ("/etc/tls/www.pem", True),
        ("/etc/tls/..www/a.pem", True),
        ("etc/tls/www.pem", False),
        ("/etc/../../www.pem", False),
        ("/etc/./www.pem", False),
        ("/..", False),
        ("/etc/tls/", False),
    ],
)
def test_a_chain_of_the_other_host_leads_nowhere_else(chain: str, taken: bool) -> None:
    variables = yaml.safe_load((ROLE.parent / "voucher_push" / "vars" / "main.yml").read_text())
    assert (re.match(variables["__voucher_push_paths"], chain) is not None) is taken
