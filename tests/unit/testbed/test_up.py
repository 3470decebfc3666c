"""What `up` decides before it changes anything, and that later verbs ask the snapshot, not the topology file."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from testbed.cli import options
from testbed.drivers.driver import State
from testbed.lifecycle.up import LabBuild, intend
from testbed.machine import tools
from testbed.machine.lab import REPOSITORY, Lab, write_file
from testbed.model import plan, reading
from testbed.model.snapshot import Snapshot
from testbed.provision.image import build, workshop
from testbed.roles import ROLES
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.test_cli import call

TEXT = "{name: tiny, zones: {z: a zone}, hosts: {r: {role: router, zone: z}, c: {role: attacker, zone: z}}}"
IMAGE = build.Image("0123456789abcdef")


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Lab, "labs", tmp_path / "labs")
    made = FakeDriver(Lab("tiny", labs=tmp_path / "labs", locks=tmp_path / "locks"))
    for module in ("options", "down"):
        monkeypatch.setattr(f"testbed.cli.{module}.driver_of", lambda _lab: made)
    monkeypatch.setattr(options, "Lab", lambda identifier: replace(made.lab, id=identifier))
    monkeypatch.setattr(options.Lab, "all", lambda: [made.lab] if made.lab.directory.exists() else [], raising=False)
    monkeypatch.setattr(workshop, "clear_unfinished", lambda: None)
    monkeypatch.setattr(build, "wanted", lambda: IMAGE)
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yml"
    file.write_text(TEXT, encoding="utf-8")
    return file


def made(driver: FakeDriver, source: Path) -> Snapshot:
    """Make the lab as far as its snapshot."""
    snapshot = intend(driver, reading.load(source, ROLES), source)
    driver.lab.write_snapshot(snapshot)
    return snapshot


def test_a_new_lab_is_planned_from_its_file(driver: FakeDriver, source: Path) -> None:
    model = reading.load(source, ROLES)
    wanted = Snapshot(str(REPOSITORY), str(source), IMAGE.hash, plan.make(model))
    assert intend(driver, model, source) == wanted
    assert not driver.lab.directory.exists()


def test_the_stages_work_on_what_the_snapshot_says(driver: FakeDriver, source: Path) -> None:
    moved = made(driver, source)
    lab_build = LabBuild(driver, moved, lambda _step: None)
    assert lab_build.plan is moved.plan
    assert [stage.name for stage in lab_build.stages()][:5] == ["check", "wheel", "image", "restore", "network"]


def test_a_second_up_keeps_the_plan_that_the_lab_was_made_with(driver: FakeDriver, source: Path) -> None:
    first = made(driver, source)
    older = replace(first, plan=replace(first.plan, routes={}))
    driver.lab.write_snapshot(older)
    assert intend(driver, reading.load(source, ROLES), source).plan == older.plan


def test_a_lab_of_another_checkout_is_left_alone(driver: FakeDriver, source: Path) -> None:
    driver.lab.write_snapshot(replace(made(driver, source), checkout="/usr"))
    with pytest.raises(HostError, match="belongs to the checkout /usr: choose another id with --lab"):
        intend(driver, reading.load(source, ROLES), source)


def test_a_lab_whose_checkout_was_moved_asks_for_down(driver: FakeDriver, source: Path) -> None:
    driver.lab.write_snapshot(replace(made(driver, source), checkout="/elsewhere"))
    with pytest.raises(HostError, match=r"by the checkout /elsewhere, which is no more .*: testbed down --lab tiny"):
        intend(driver, reading.load(source, ROLES), source)


def test_an_edited_topology_asks_for_down_first(driver: FakeDriver, source: Path) -> None:
    made(driver, source)
    source.write_text(TEXT.replace("a zone", "another"), encoding="utf-8")
    with pytest.raises(InputError, match="testbed down --lab tiny, then up"):
        intend(driver, reading.load(source, ROLES), source)


def test_an_image_that_is_gone_from_under_a_lab_is_named(driver: FakeDriver, source: Path) -> None:
    made(driver, source)
    driver.lab.host_directory("r").mkdir(parents=True)
    with pytest.raises(HostError, match=r"its image .*0123456789abcdef is gone: testbed down"):
        intend(driver, reading.load(source, ROLES), source)


def test_leftovers_without_a_record_ask_for_down(driver: FakeDriver, source: Path) -> None:
    driver.left = True
    with pytest.raises(HostError, match="leftovers without a record: testbed down --lab tiny"):
        intend(driver, reading.load(source, ROLES), source)


@pytest.mark.parametrize("damage", [None, "{name: other, zones: {y: b}, hosts: {x: {role: router, zone: y}}}", "["])
@pytest.mark.parametrize("by", ["--lab", "--topology"])
def test_status_and_down_do_not_ask_the_file_again(
    damage: str | None, by: str, driver: FakeDriver, source: Path, request: pytest.FixtureRequest
) -> None:
    monkeypatch, capsys = request.getfixturevalue("monkeypatch"), request.getfixturevalue("capsys")
    made(driver, source)
    if damage is None:
        source.unlink()
    else:
        source.write_text(damage, encoding="utf-8")
    option = [by, "tiny" if by == "--lab" else str(source)]

    code, out, _ = call(["status", *option, "--format", "json"], monkeypatch, capsys)
    answer = json.loads(out)
    assert (code, answer["lab"], answer["topology"]) == (0, "tiny", "tiny")
    assert [host["name"] for host in answer["hosts"]] == ["r", "c"]
    assert answer["hosts"][1]["addresses"] == ["198.18.1.10", "2001:db8:1::10"]

    code, out, _ = call(["down", *option], monkeypatch, capsys)
    assert (code, out) == (0, "lab tiny: removed 1 hosts, 0 namespaces, 0 mounts, its files\n")
    assert driver.removed
    assert not driver.lab.directory.exists()


def test_up_without_its_file_goes_on_with_the_snapshot(driver: FakeDriver, source: Path) -> None:
    first = made(driver, source)
    source.unlink()
    model, path = options.read_topology(driver.lab, None)
    assert (model, path) == (first.plan.topology, source)


def test_a_demonstration_that_goes_wrong_fails_up_and_demo(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = plan.make(reading.load(reading.find("small"), ROLES))
    snapshot = Snapshot(str(REPOSITORY), "/small.yml", IMAGE.hash, small)
    driver.lab.write_snapshot(snapshot)
    stages = LabBuild(driver, snapshot, lambda _step: None).stages()
    with pytest.raises(HostError, match="demonstration, 'The client demands vouchers, and gets one': exit code 0"):
        next(stage for stage in stages if stage.name == "demonstration").action(lambda _note: None)

    code, _, err = call(["demo", "--lab", "tiny", "--format", "json"], monkeypatch, capsys)
    assert code == 3
    assert "demonstration, 'The client demands vouchers, and gets one'" in err


def test_a_restarted_host_runs_again_and_is_reached(
    driver: FakeDriver, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made(driver, source)
    stopped: list[str] = []
    monkeypatch.setattr(FakeDriver, "stop", lambda _self, host: stopped.append(host))
    code, out, _ = call(["restart", "--lab", "tiny", "c", "--format", "json"], monkeypatch, capsys)
    assert (code, json.loads(out)) == (0, {"lab": "tiny", "host": "c", "state": "running"})
    assert stopped == ["c"]
    assert "Host c\n" in driver.lab.ssh_config.read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", ["restart", "logs"])
def test_a_host_that_the_lab_has_not_is_bad_input(
    verb: str, driver: FakeDriver, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made(driver, source)
    code, _, err = call([verb, "--lab", "tiny", "nobody"], monkeypatch, capsys)
    assert (code, err) == (2, "testbed: no host 'nobody' in topology 'tiny': use one of r, c\n")


@pytest.mark.parametrize(
    ("state", "words", "expected"),
    [
        ("running", "", "journalctl --boot --no-pager --lines=100"),
        ("running", "--unit=nginx", "journalctl --boot --no-pager --unit=nginx"),
        ("stopped", "", "tail --lines=100 CONSOLE"),
    ],
)
def test_logs_are_the_journal_or_of_a_host_that_does_not_run_its_console(
    state: State, words: str, expected: str, driver: FakeDriver, request: pytest.FixtureRequest
) -> None:
    monkeypatch, capsys = request.getfixturevalue("monkeypatch"), request.getfixturevalue("capsys")
    made(driver, request.getfixturevalue("source"))
    driver.states["c"] = state
    driver.command = lambda _host, command: list(command)
    became: list[list[str]] = []
    monkeypatch.setattr(tools, "become", became.append)
    call(["logs", "--lab", "tiny", "c", *words.split()], monkeypatch, capsys)
    assert " ".join(became[0]) == expected.replace("CONSOLE", str(driver.console("c")))


def test_labs_are_listed_the_damaged_too(
    driver: FakeDriver, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(driver.lab, id="broken")
    write_file(other.snapshot_file, "{")
    made(driver, source)
    driver.states["c"] = "stopped"
    monkeypatch.setattr("testbed.cli.list.Lab.all", lambda: [other, driver.lab])
    monkeypatch.setattr("testbed.cli.list.driver_of", lambda _lab: driver)
    code, out, _ = call(["list", "--format", "json"], monkeypatch, capsys)
    assert code == 0
    assert [(lab["lab"], lab["topology"], lab["hosts"]) for lab in json.loads(out)["labs"]] == [
        ("broken", "damaged record", ""),
        ("tiny", "tiny", "1 of 2 running"),
    ]
    monkeypatch.setattr("testbed.cli.list.Lab.all", list)
    assert call(["list"], monkeypatch, capsys)[1] == "no lab on this machine: make one with: testbed up\n"


def test_down_names_the_hosts_that_it_had_to_kill(
    driver: FakeDriver, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made(driver, source)
    driver.killed = ("c", "r")
    code, out, _ = call(["down", "--lab", "tiny"], monkeypatch, capsys)
    assert (code, out.splitlines()[1:]) == (0, ["lab tiny: did not power off in time and were killed: c, r"])
