"""A lab of two routers and a host on either side, for real: it boots, runs commands, survives a crash, leaves nothing.

Needs root and the base image in the cache (`testbed up` makes it). Nothing of another lab is touched.
"""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mecai.errors import InputError
from testbed.drivers import driver_of
from testbed.drivers.nspawn import cgroups, hosts, network
from testbed.lifecycle import kept, restore
from testbed.machine import mounts
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import until
from testbed.model.snapshot import Snapshot
from testbed.provision.image import build

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="making namespaces needs root"),
    pytest.mark.skipif(not build.wanted().built, reason="no base image in the cache: testbed up --until image"),
]

PROGRAM = [sys.executable, "-c", "from testbed.cli.main import main; main()"]
TOPOLOGY = """
name: pair
zones: {near: where the client stands, between: what joins the routers, far: beyond both routers}
hosts:
  router: {role: router, zone: near, links: [between]}
  second: {role: router, zone: far, links: [between]}
  client: {role: attacker, zone: near}
  other: {role: attacker, zone: far}
"""


def call(*words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=300)


def up(lab: Lab, topology: Path) -> dict[str, str]:
    done = call("up", "--lab", lab.id, "--topology", topology, "--until", "hosts", "--format", "json")
    assert done.returncode == 0, done.stderr
    return {stage["name"]: stage["outcome"] for stage in json.loads(done.stdout)["stages"]}


def traces(lab: Lab) -> list[str]:
    """List all that is left of a lab on this machine."""
    remains = [*hosts.present(lab), *network.present(lab), *map(str, mounts.below(lab.directory))]
    return remains + ([str(lab.directory)] if lab.directory.exists() else [])


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("topology") / "pair.yml"
    file.write_text(TOPOLOGY, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def lab(topology: Path) -> Iterator[Lab]:
    made = Lab(f"test-{os.getpid()}")
    assert not traces(made)
    try:
        up(made, topology)
        yield made
    finally:
        down = call("down", "--lab", made.id)
    assert down.returncode == 0, down.stderr
    assert not traces(made)


def test_a_command_runs_with_its_input_output_and_exit_code(lab: Lab) -> None:
    done = call("exec", "--lab", lab.id, "client", "--", "sh", "-c", "hostname; cat; exit 7", stdin="through")
    assert (done.stdout, done.returncode) == ("client\nthrough", 7)


@pytest.mark.parametrize("address", ["198.18.3.10", "2001:db8:3::10"])
def test_a_packet_passes_both_routers_in_both_families(lab: Lab, address: str) -> None:
    ping = ["exec", "--lab", lab.id, "client", "--", "ping", "-c", "1", "-W", "2"]
    assert call(*ping, address).returncode == 0
    one_hop_short = call(*ping, "-t", "2", address)
    assert (one_hop_short.returncode, "exceeded" in one_hop_short.stdout) == (1, True)


def test_a_link_is_cut_and_slow_and_whole_again_as_it_is_told(lab: Lab) -> None:
    ping = ["exec", "--lab", lab.id, "client", "--", "ping", "-c", "1", "-W", "1", "198.18.3.10"]
    impair = ["impair", "--lab", lab.id, "near"]
    said = call(*impair, "--down")
    assert (said.stdout, said.returncode) == ("near: 2 cables, impaired: down\n", 0)
    assert call(*ping).returncode == 1
    assert call(*impair, "--host", "client", "--rate", "1mbit").stdout == "near: 1 cable, impaired: rate 1000kbit\n"
    queues = ["tc", "-n", lab.label(network.SWITCH), "qdisc", "show"]
    assert subprocess.run(queues, capture_output=True, text=True, check=True).stdout.count("qdisc tbf") == 1
    assert call(*impair, "--clear").stdout == "near: 2 cables, impaired: none\n"
    assert "qdisc tbf" not in subprocess.run(queues, capture_output=True, text=True, check=True).stdout
    until(lambda: call(*ping).returncode == 0, LIMITS.command_seconds, lambda: "near stays cut")


def test_what_the_kernel_cannot_emulate_is_said_in_one_line_with_what_works(lab: Lab) -> None:
    done = call("impair", "--lab", lab.id, "near", "--delay", "20ms")
    assert (done.returncode, done.stderr) in {
        (0, ""),
        (3, "testbed: this kernel has no netem, so no delay and no loss: what works is rate and down\n"),
    }
    assert call("impair", "--lab", lab.id, "near", "--clear").returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["far-off", "--down"], "no link 'far-off' in topology 'pair': use one of near, between, far"),
        (["near", "--host", "other", "--down"], "host other has no cable in near: use one of router, client"),
        (["near"], "impair: expected either --clear or some of --delay, --loss, --rate and --down"),
        (
            ["near", "--down", "--clear"],
            "impair: expected either --clear or some of --delay, --loss, --rate and --down",
        ),
    ],
)
def test_what_cannot_be_impaired_is_refused(lab: Lab, words: list[str], message: str) -> None:
    done = call("impair", "--lab", lab.id, *words)
    assert (done.returncode, done.stderr) == (2, f"testbed: {message}\n")


def test_later_verbs_know_the_lab_when_its_topology_file_is_gone(lab: Lab, topology: Path) -> None:
    text = topology.read_text(encoding="utf-8")
    topology.unlink()
    try:
        status = call("status", "--lab", lab.id, "--format", "json")
        assert [host["name"] for host in json.loads(status.stdout)["hosts"]] == ["router", "second", "client", "other"]
        assert call("exec", "--lab", lab.id, "other", "--", "hostname").stdout == "other\n"
        assert call("up", "--lab", lab.id, "--until", "hosts").returncode == 0
    finally:
        topology.write_text(text, encoding="utf-8")


def test_nothing_is_made_in_the_machines_own_network(lab: Lab) -> None:
    routes = subprocess.run(["ip", "route", "show", "table", "all"], capture_output=True, text=True, check=True).stdout
    links = subprocess.run(["ip", "-oneline", "link"], capture_output=True, text=True, check=True).stdout
    assert "198.18." not in routes
    assert "br-near" not in links
    assert lab.label("client") not in links


def test_ssh_and_ansible_reach_the_host(lab: Lab) -> None:
    done = subprocess.run(
        ["ssh", "-F", lab.ssh_config, "client", "hostname"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("client\n", "")
    ansible = Path(sys.executable).with_name("ansible")
    environment = os.environ | {"ANSIBLE_CONFIG": str(lab.ansible_config)}
    command = [str(ansible), "attackers", "-m", "ansible.builtin.ping", "--one-line"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "client | SUCCESS" in done.stdout, done.stderr


def test_a_second_up_changes_nothing(lab: Lab, topology: Path) -> None:
    leader = cgroups.leader(lab.label("client"))
    outcomes = up(lab, topology)
    assert (outcomes["network"], outcomes["hosts"]) == ("unchanged", "unchanged: 4 running")
    assert cgroups.leader(lab.label("client")) == leader


def test_a_host_whose_supervisor_was_killed_is_booted_again_with_its_files(lab: Lab, topology: Path) -> None:
    call("exec", "--lab", lab.id, "client", "--", "sh", "-c", "echo kept > /root/note")
    supervisor = cgroups.supervisor(lab.label("client"))
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: cgroups.supervisor(lab.label("client")) is None, LIMITS.kill_seconds, lambda: "supervisor lives on")

    status = call("status", "--lab", lab.id, "--format", "json")
    assert status.returncode == 1
    states = {host["name"]: (host["state"], host["health"]) for host in json.loads(status.stdout)["hosts"]}
    assert states["client"] == ("orphaned", "down")

    assert up(lab, topology)["hosts"] == "1 booted"
    assert call("exec", "--lab", lab.id, "client", "--", "cat", "/root/note").stdout == "kept\n"


def test_on_a_slow_machine_a_hosts_services_may_start_slowly(
    lab: Lab, topology: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what takes longer than 90 s is ended and begun anew, and no emulated host is ever up."""
    hosts.stop_one(lab, "client")
    monkeypatch.setenv("MECAI_LAB_PATIENCE", "2")
    up(lab, topology)
    asked = ["systemctl", "show", "--property=DefaultTimeoutStartUSec", "--value"]
    assert call("exec", "--lab", lab.id, "client", "--", *asked).stdout == "3min\n"


def test_a_host_halts_in_good_order_while_somebody_is_on_it(lab: Lab, topology: Path) -> None:
    words = [*PROGRAM, "exec", "--lab", lab.id, "other", "--", "sh", "-c", "echo there; exec sleep 300"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as inside:
        assert inside.stdout is not None
        assert inside.stdout.readline() == "there\n"
        stubborn = hosts._halt({lab.label("other")})
        inside.kill()
    assert stubborn == set()
    assert up(lab, topology)["hosts"] == "1 booted"


def test_an_edited_topology_is_refused_and_the_lab_left_as_it_is(lab: Lab, tmp_path: Path) -> None:
    edited = tmp_path / "pair.yml"
    edited.write_text(TOPOLOGY.replace("beyond both", "behind all"), encoding="utf-8")
    done = call("up", "--lab", lab.id, "--topology", edited, "--until", "hosts")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert hosts.state(lab, "client") == "running"


def write(lab: Lab, host: str, text: str) -> None:
    assert call("exec", "--lab", lab.id, host, "--", "sh", "-c", f"echo {text} > /root/note").returncode == 0


def note_of(lab: Lab, host: str) -> str:
    return call("exec", "--lab", lab.id, host, "--", "cat", "/root/note").stdout.strip()


def made(lab: Lab) -> Snapshot:
    snapshot = lab.snapshot()
    assert snapshot is not None
    return snapshot


def test_a_lab_comes_back_as_it_was_stored_and_its_hosts_never_stopped(
    lab: Lab, topology: Path, tmp_path: Path
) -> None:
    driver, file = driver_of(lab), tmp_path / "x.tar.zst"
    write(lab, "client", "before")
    write(lab, "other", "before")
    leader, key = cgroups.leader(lab.label("client")), driver.ssh_host_key("client")
    kept.store(driver, made(lab), file)
    assert (cgroups.leader(lab.label("client")), note_of(lab, "client")) == (leader, "before")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    write(lab, "client", "after")
    call("exec", "--lab", lab.id, "other", "--", "rm", "/root/note")
    (lab.directory / "attack.json").write_text("of hosts that are gone", encoding="utf-8")
    restore.restore(driver, file, "", lambda _text: None)
    assert hosts.state(lab, "client") == "stopped"
    assert up(lab, topology)["hosts"] == "4 booted"
    assert [note_of(lab, host) for host in ("client", "other")] == ["before", "before"]
    assert (driver.ssh_host_key("client"), lab.staging.exists()) == (key, False)
    assert not (lab.directory / "attack.json").exists()


def test_a_lab_comes_back_from_an_archive_that_has_the_image_too(lab: Lab, topology: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.tar.zst"
    write(lab, "client", "exported")
    kept.store(driver_of(lab), made(lab), file, with_image=True)
    restore.restore(driver_of(lab), file, "", lambda _text: None)
    assert up(lab, topology)["hosts"] == "4 booted"
    assert note_of(lab, "client") == "exported"


def test_a_damaged_archive_leaves_the_lab_as_it_is(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "x.tar.zst"
    kept.store(driver_of(lab), made(lab), file)
    file.write_bytes(file.read_bytes()[:-100])
    leader = cgroups.leader(lab.label("client"))
    with pytest.raises(InputError, match="damaged"):
        restore.restore(driver_of(lab), file, "", lambda _text: None)
    assert cgroups.leader(lab.label("client")) == leader
    assert not lab.staging.exists()


_HOLD = """
from mecai.errors import InputError
from testbed.drivers import driver_of
from testbed.drivers.nspawn import cgroups
with cgroups.frozen({labels!r}):
    print("frozen", flush=True)
    input()
"""


def test_hosts_go_on_when_the_program_that_packs_them_is_killed(lab: Lab) -> None:
    label = lab.label("client")
    frozen = cgroups.hierarchies()[0] / label / "cgroup.events"
    command = [sys.executable, "-c", _HOLD.format(labels=[label])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "frozen\n"
        assert "frozen 1" in frozen.read_text(encoding="ascii")
        holder.kill()
    until(lambda: "frozen 0" in frozen.read_text(encoding="ascii"), LIMITS.kill_seconds, lambda: "client stays frozen")


def test_a_host_that_somebody_left_frozen_goes_on_with_the_next_up(lab: Lab, topology: Path) -> None:
    group = cgroups.hierarchies()[0] / lab.label("client")
    (group / "cgroup.freeze").write_text("1", encoding="ascii")
    assert up(lab, topology)["hosts"] == "unchanged: 4 running"
    assert (group / "cgroup.freeze").read_text(encoding="ascii") == "0\n"


def test_a_restore_that_was_killed_is_begun_anew_or_removed(lab: Lab, topology: Path, tmp_path: Path) -> None:
    lab.staging.mkdir()
    (lab.staging / "hosts").mkdir()
    file = tmp_path / "x.tar.zst"
    kept.store(driver_of(lab), made(lab), file)
    restore.restore(driver_of(lab), file, "", lambda _text: None)
    assert not lab.staging.exists()
    assert up(lab, topology)["hosts"] == "4 booted"


def test_down_finds_a_lab_whose_maker_was_killed_and_whose_record_is_lost(topology: Path) -> None:
    crashed = Lab(f"crash-{os.getpid()}")
    command = [*PROGRAM, "up", "--lab", crashed.id, "--topology", str(topology)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as maker:
        until(lambda: hosts.present(crashed), LIMITS.boot_seconds, lambda: "no host was started")
        maker.kill()
    (crashed.directory / "lab.json").unlink()

    refused = call("up", "--lab", crashed.id, "--topology", topology)
    assert (refused.returncode, "leftovers without a record" in refused.stderr) == (3, True)
    assert call("down", "--lab", crashed.id).returncode == 0
    assert not traces(crashed)
    assert call("down", "--lab", crashed.id).stdout == f"lab {crashed.id}: nothing to remove\n"
