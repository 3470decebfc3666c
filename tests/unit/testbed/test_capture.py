"""A capture: where it records, that keys are collected and nothing of it is left, and that it is bounded."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from testbed.cli import capture as verb
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.machine.waiting import until
from testbed.scenarios import capture, recorder
from testbed.scenarios.recorder import Wire
from tests.patience import SECONDS
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.test_cli import call
from tests.unit.testbed.world import PLAN

HOSTS = [host.name for host in PLAN.topology.hosts]
# Stands in for tcpdump: it says what tcpdump says, writes, and ends when it is told to.
TCPDUMP = f"""#!{sys.executable} -S
import os, signal, sys
if fault := os.environ.get("FAULT"):
    sys.exit(f"tcpdump: {{fault}}")
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
open(os.environ["SEEN"], "w").write(" ".join(sys.argv[1:]))
os.write(1, bytes(10))
print("tcpdump: listening on", sys.argv[2], file=sys.stderr, flush=True)
os.write(1, bytes(int(os.environ.get("MORE", 0))))
os.write(1, bytes(int(os.environ.get("MORE", 0))))
signal.pause()
"""


class Hosts:
    """A lab whose hosts are this machine, each with a /run of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        (programs / "tcpdump").write_text(TCPDUMP, encoding="utf-8")
        (programs / "tcpdump").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setenv("SEEN", str(folder / "seen"))
        self.driver = FakeDriver(Lab("world", labs=folder, locks=folder / "locks"), command=self.enter)

    def enter(self, host: str, command: Sequence[str]) -> list[str]:
        """Return the command with this host's own /run."""
        (self.folder / host).mkdir(exist_ok=True)
        return [word.replace("/run/", f"{self.folder / host}/") for word in command]

    def run(self, host: str, *words: str) -> str:
        """Do as `testbed exec` does."""
        command = self.driver.enter(host, capture.keeping_keys(words))
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout

    @property
    def left(self) -> list[Path]:
        """What of captures lies on the hosts."""
        return list(self.folder.glob("*/mecai-capture"))


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """Return a lab whose hosts are this machine."""
    return Hosts(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("name", "wire"),
    [("client", Wire("client")), ("home", Wire("router", "home")), ("attacker", Wire("attacker"))],
)
def test_a_host_is_recorded_whole_and_a_network_where_the_router_is(name: str, wire: Wire) -> None:
    assert capture.wire(PLAN, name) == wire


def test_a_network_without_a_router_is_recorded_at_one_of_its_hosts() -> None:
    lonely = [host for host in PLAN.topology.hosts if not host.forwards]
    plan = replace(PLAN, topology=replace(PLAN.topology, hosts=tuple(lonely)))
    assert capture.wire(plan, "home") == Wire("client", "home")


def test_what_is_neither_is_told_with_what_there_is() -> None:
    with pytest.raises(
        InputError, match=r"no link or host 'nowhere' in topology 'small': use one of backbone, .*vendor"
    ):
        capture.wire(PLAN, "nowhere")


def test_keys_of_what_runs_meanwhile_lie_beside_the_packets(hosts: Hosts) -> None:
    into = hosts.folder / "out" / "x.pcap"

    def wait() -> None:
        for host in ("client", "www"):
            hosts.run(host, "sh", "-c", f'echo "CLIENT_RANDOM {host}" >>"$SSLKEYLOGFILE"')

    found = capture.record(hosts.driver, PLAN, "home", into, wait)
    assert into.read_bytes() == bytes(10)
    assert sorted(found.keys.read_text(encoding="utf-8").splitlines()) == ["CLIENT_RANDOM client", "CLIENT_RANDOM www"]
    assert (found.secrets, found.full, found.keys.name) == (2, False, "x.pcap.keys")
    assert {path.stat().st_mode & 0o777 for path in (into, found.keys)} == {0o600}
    assert (hosts.folder / "seen").read_text(encoding="utf-8") == "-i home -U -w - "
    assert not hosts.left


def test_without_a_capture_exec_is_as_before(hosts: Hosts) -> None:
    assert hosts.run("client", "sh", "-c", 'echo "${SSLKEYLOGFILE-none} $0 $1"', "a b", "c") == "none a b c\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_gets_what_was_recorded(number: signal.Signals, hosts: Hosts) -> None:
    into = hosts.folder / "x.pcap"
    found = capture.record(hosts.driver, PLAN, "client", into, lambda: signal.raise_signal(number))
    assert into.read_bytes() == bytes(10)
    assert found.secrets == 0
    assert not hosts.left


def test_a_recorder_that_does_not_begin_is_one_line_and_leaves_nothing(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT", "home: No such device exists")
    with pytest.raises(
        HostError, match=r"^router: tcpdump did not begin to listen: tcpdump: home: No such device exists$"
    ):
        capture.record(hosts.driver, PLAN, "home", hosts.folder / "x.pcap", lambda: pytest.fail("recorded"))
    assert not hosts.left


def test_there_is_one_capture_at_a_time(hosts: Hosts) -> None:
    def again() -> None:
        with pytest.raises(HostError, match="another capture"):
            capture.record(hosts.driver, PLAN, "client", hosts.folder / "y.pcap", lambda: None)

    capture.record(hosts.driver, PLAN, "client", hosts.folder / "x.pcap", again)
    assert not hosts.left


def test_a_capture_is_bounded_in_size(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = replace(LIMITS, recording_bytes=4096)
    monkeypatch.setattr(recorder, "LIMITS", bounded)
    monkeypatch.setattr(capture, "LIMITS", bounded)
    monkeypatch.setenv("MORE", "100000")
    into = hosts.folder / "x.pcap"

    def wait() -> None:
        until(lambda: into.stat().st_size == 4096, SECONDS, lambda: "it does not grow to its bound")

    assert capture.record(hosts.driver, PLAN, "client", into, wait).full
    assert into.stat().st_size == 4096


@pytest.mark.parametrize("seconds", ["0", "601", "soon"])
def test_a_time_out_of_bounds_is_refused(
    seconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = call(["capture", "client", "--for", seconds], monkeypatch, capsys)
    assert code == 2
    assert "--for" in error


def test_the_command_says_what_it_wrote(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tools, "require_root", lambda: "root")
    monkeypatch.setattr(verb, "open_lab", lambda _id: (hosts.driver, PLAN))
    monkeypatch.chdir(hosts.folder)
    code, said, _ = call(["capture", "home", "--for", "1"], monkeypatch, capsys)
    assert code == 0
    assert said == (
        "home.pcap: 10 octets\nhome.pcap.keys: 0 secrets of handshakes\nread them: docs/wireshark/README.md\n"
    )
    assert sorted(path.name for path in hosts.folder.glob("home.*")) == ["home.pcap", "home.pcap.keys"]
