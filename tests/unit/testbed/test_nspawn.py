"""What is left of a host that was killed is found and removed, and only that, whoever rules the control groups."""

import os
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest

from mecai.errors import HostError
from testbed.drivers.nspawn import cgroups, hosts
from testbed.machine import mounts, tools
from testbed.machine.lab import Lab
from testbed.machine.limits import LabLimits


class Systemd:
    """systemctl and what it knows: scopes with their state. A scope without its group stays until it is stopped."""

    def __init__(self, **scopes: str) -> None:
        self.scopes = scopes

    def answer(self, argv: list[str]) -> str:
        """Answer as systemctl does."""
        name = argv[-1].removesuffix(".scope").rpartition(".")[2]
        match argv[1], self.scopes.get(name):
            case "stop", "active":
                self.scopes[name] = "failed"
            case "reset-failed", "failed":
                del self.scopes[name]
            case "show", state:
                return state or "inactive"
        return ""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a machine with systemd as PID 1 and no control groups; returns where systemd-nspawn keeps files."""
    (tmp_path / "cgroup" / "system.slice").mkdir(parents=True)
    (tmp_path / "cgroup" / "cgroup.controllers").touch()
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "_SYSTEMD", tmp_path)
    monkeypatch.setattr(hosts, "_RUN", tmp_path / "run")
    return tmp_path / "run"


def test_a_scope_that_lost_its_group_is_ended(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(www="active", other="active")
    monkeypatch.setattr(tools, "answer", systemd.answer)
    cgroups.end("mecai.tiny.www")
    assert systemd.scopes == {"other": "active"}
    assert run.parent.exists()


class Starting:
    """A host's group while systemd comes up in it: at two moments its PID 1 goes on into a group further in."""

    def __init__(self, group: Path, moments: tuple[int, int]) -> None:
        self._way = [group, group / "payload", group / "payload" / "init.scope"]
        self._moments = moments
        self._looks = 0
        group.mkdir()
        (group / "cgroup.procs").write_text("4711\n")

    def look(self) -> None:
        """Let the time of one look at the files pass."""
        for moment in self._moments:
            if moment == self._looks:
                (self._way.pop(0) / "cgroup.procs").write_text("")
                self._way[0].mkdir()
                (self._way[0] / "cgroup.procs").write_text("4711\n")
        self._looks += 1


@pytest.mark.parametrize("moments", list(combinations_with_replacement(range(7), 2)))
def test_a_host_is_seen_at_every_moment_of_its_start(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moments: tuple[int, int]
) -> None:
    del run
    monkeypatch.setattr(cgroups, "_PROC", tmp_path)
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711" / "status").write_text("Name:\tsystemd\nNSpid:\t4711\t1\n")
    starting = Starting(tmp_path / "cgroup" / "system.slice" / "mecai.lab.host", moments)
    read, scan = Path.read_text, os.scandir

    def looked(before: Any) -> Any:
        def look(*arguments: Any, **options: Any) -> Any:
            starting.look()
            return before(*arguments, **options)

        return look

    monkeypatch.setattr(os, "scandir", looked(scan))
    monkeypatch.setattr(Path, "read_text", looked(read))
    assert cgroups.leader("mecai.lab.host") == 4711


def test_traces_of_killed_hosts_are_unmounted_and_removed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, released = Lab("tiny", labs=tmp_path / "labs"), []
    monkeypatch.setattr(tools, "answer", Systemd().answer)
    monkeypatch.setattr(mounts, "release", released.append)
    root = lab.host_directory("www") / "root"
    for path in (root, run / "unix-export" / "mecai.tiny.www", run / "propagate" / "mecai.other.www", run / "locks"):
        path.mkdir(parents=True)
    own = run / "locks" / f"inode-{root.stat().st_dev}:{root.stat().st_ino}"
    for lock in (own, run / "locks" / "inode-1:1"):
        lock.touch()

    assert hosts.stop(lab) == (set(), set())
    assert run / "unix-export" / "mecai.tiny.www" in released
    left = sorted(str(path.relative_to(run)) for path in run.rglob("*") if not any(path.glob("*")))
    assert left == ["locks/inode-1:1", "propagate/mecai.other.www", "unix-export"]


def test_a_host_that_cannot_even_be_started_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"exit code 5: Unit mecai\.tiny\.www\.scope already exists; log .*console"):
        tools.run_detached(["sh", "-c", "echo Unit mecai.tiny.www.scope already exists; exit 5"], tmp_path / "console")


@pytest.mark.usefixtures("run")
def test_hosts_that_do_not_power_off_in_time_are_named_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = {"mecai.tiny.www", "mecai.tiny.client"}
    monkeypatch.setattr(tools, "answer", Systemd().answer)
    monkeypatch.setattr(hosts, "LIMITS", LabLimits(halt_seconds=0))
    monkeypatch.setattr(cgroups, "labels", lambda _pattern: set(running))
    monkeypatch.setattr(cgroups, "leader", lambda _label: None)
    monkeypatch.setattr(
        cgroups, "processes", lambda label: [7] if label == "mecai.tiny.www" and label in running else []
    )
    monkeypatch.setattr(cgroups, "end", running.discard)
    assert hosts.stop(Lab("tiny", labs=tmp_path)) == ({"www", "client"}, {"www"})
    assert running == set()
