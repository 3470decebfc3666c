"""What of a lab is kept, where, for how long, and what of it is done again when it comes back."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from testbed.drivers.driver import Driver
from testbed.lifecycle import birth, health, kept, renewal, restore
from testbed.lifecycle.birth import Birth
from testbed.lifecycle.save import save
from testbed.lifecycle.up import LabBuild, intend_saved
from testbed.machine import archive
from testbed.machine.lab import REPOSITORY, Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.model.plan import Plan
from testbed.model.saved import Saved
from testbed.model.snapshot import Snapshot
from testbed.provision import inputs, playbook
from testbed.provision.image import build
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.world import PLAN

MADE = Snapshot(str(REPOSITORY), str(REPOSITORY / "testbed/topologies/small.yml"), "0123456789abcdef", PLAN)
KEY = "fedcba9876543210"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    monkeypatch.setattr(kept, "CONVERGED", tmp_path / "converged")
    monkeypatch.setattr(inputs, "key", lambda _lab, _made: KEY)
    monkeypatch.setattr(build, "architecture", lambda: "amd64")
    monkeypatch.setattr(build.Image, "packages", "0011")
    monkeypatch.setattr(archive, "pack", lambda file, _parts: file.write_text("packed"))
    made = FakeDriver(Lab("small", labs=tmp_path / "labs", locks=tmp_path / "locks"))
    made.lab.write_snapshot(MADE)
    return made


def stage(driver: FakeDriver, name: str, **more: object) -> str:
    """Run one stage of an `up`; returns what it says."""
    lab_build = replace(LabBuild(driver, MADE, lambda _step: None), **more)  # type: ignore[arg-type]
    return next(one for one in lab_build.stages() if one.name == name).action(lambda _note: None)


def restored(driver: FakeDriver, age: timedelta) -> list[str]:
    """Make the lab one that was restored; returns the commands that its hosts will be asked to run."""
    birth.write(driver.lab, Birth(KEY, "/x.tar.zst", (datetime.now(UTC) - age).isoformat()))
    asked: list[str] = []

    def enter(host: str, command: object) -> list[str]:
        asked.append(host)
        assert command
        return ["true"]

    driver.command = enter
    return asked


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what grows by one whenever Ansible runs."""
    runs: list[str] = []

    def converge(_driver: Driver, _note: object) -> str:
        runs.append("run")
        return "10 hosts, ok=1 changed=0"

    monkeypatch.setattr(playbook, "converge", converge)
    return runs


def test_a_young_lab_that_was_restored_is_left_as_it_was(driver: FakeDriver, played: list[str]) -> None:
    asked = restored(driver, timedelta(minutes=20))
    assert stage(driver, "converge") == "left as it was 20 min ago"
    assert (asked, played) == ([], [])


def test_status_comes_first_when_status_and_vouchers_have_ended(driver: FakeDriver, played: list[str]) -> None:
    asked = restored(driver, timedelta(hours=26))
    expected = "renewed what has ended since it was saved, 26 h ago: status, vouchers"
    assert stage(driver, "converge") == expected
    authorities = {host.name for host in PLAN.topology.hosts if host.role in {"authority", "private_authority"}}
    assert set(asked[: len(authorities)]) == authorities
    assert "www" in asked[len(authorities) :]
    assert played == []


@pytest.mark.parametrize(("age", "told"), [(timedelta(days=9), "9 days"), (timedelta(minutes=-5), "-5 min")])
def test_an_old_lab_and_one_of_the_future_are_converged(
    age: timedelta, told: str, driver: FakeDriver, played: list[str]
) -> None:
    restored(driver, age)
    said = stage(driver, "converge")
    assert f"{told} ago: status, vouchers; certificates: 10 hosts" in said
    assert played == ["run"]
    assert stage(driver, "converge") == "10 hosts, ok=1 changed=0"


def test_what_is_kept_is_renewed_before_roles_let_it_end() -> None:
    defaults = (REPOSITORY / "ansible/roles/directory_publisher/defaults/main.yml").read_text(encoding="utf-8")
    assert "directory_publisher_renew_before_days: 10" in defaults
    assert LIMITS.converged_lasts_days < 10
    assert not renewal.needs_converge(timedelta(days=LIMITS.converged_lasts_days))


def test_a_lab_that_ansible_made_by_what_is_there_is_kept_for_the_next(driver: FakeDriver, played: list[str]) -> None:
    assert stage(driver, "restore") == "from nothing: nothing is kept of this lab"
    stage(driver, "converge")
    assert stage(driver, "keep") == "0 MB, for testbed reset --lab small"
    file = kept.converged_file(driver.lab, KEY)
    assert (played, file.read_text(), driver.lab.clean_file.read_text()) == (["run"], "packed", "packed")
    assert driver.moments == [f"{len(PLAN.topology.hosts)} hosts stand still", "they go on"]
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert stage(driver, "keep") == "unchanged"


@pytest.mark.parametrize("born", [Birth("of other inputs", converged=True), Birth(KEY, "/x.tar.zst", "2026-01-01")])
def test_a_lab_of_mixed_inputs_and_one_that_was_restored_are_kept_for_reset_only(
    born: Birth, driver: FakeDriver
) -> None:
    birth.write(driver.lab, born)
    stage(driver, "keep")
    assert driver.lab.clean_file.exists()
    assert not kept.converged()


def test_a_lab_that_cannot_be_kept_is_a_lab(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_file: Path, _parts: object) -> int:
        raise HostError("the disk is full")

    monkeypatch.setattr(archive, "pack", fail)
    birth.write(driver.lab, Birth(KEY, converged=True))
    assert stage(driver, "keep") == "not kept: the disk is full"
    assert driver.moments[-1] == "they go on"
    assert not (driver.lab.directory / archive.HEADER).exists()


def test_a_restored_lab_that_is_sick_is_ansibles_next_time(
    driver: FakeDriver, played: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    restored(driver, timedelta(minutes=1))

    def sick(_driver: Driver, _plan: Plan) -> None:
        raise HostError("one host is sick")

    monkeypatch.setattr(health, "await_healthy", sick)
    with pytest.raises(HostError, match="one host is sick"):
        stage(driver, "health")
    stage(driver, "converge")
    assert played == ["run"]


def test_up_takes_what_is_kept_unless_it_shall_be_fresh(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kept.converged_file(driver.lab, KEY)
    write_file(file, "packed")
    asked: list[Path] = []

    def bring(_driver: Driver, which: Path, _key: str, _note: object) -> Saved:
        asked.append(which)
        return Saved(datetime(2026, 1, 1, tzinfo=UTC), "amd64", "0011", with_image=False, made=MADE)

    monkeypatch.setattr(restore, "restore", bring)
    assert stage(driver, "restore", fresh=True) == "from nothing: as asked"
    assert asked == []
    assert stage(driver, "restore") == f"kept: {KEY}, of 2026-01-01 00:00 UTC"
    assert asked == [file]
    driver.lab.host_directory("www").mkdir(parents=True)
    assert stage(driver, "restore") == "unchanged: the lab has hosts"


def test_reset_puts_the_archive_in_the_place_of_what_there_is(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def bring(_driver: Driver, which: Path, key: str, _note: object) -> Saved:
        asked.append(which)
        assert not key
        return Saved(datetime(2026, 1, 1, tzinfo=UTC), "amd64", "0011", with_image=False, made=MADE)

    monkeypatch.setattr(restore, "restore", bring)
    driver.lab.host_directory("www").mkdir(parents=True)
    file = Path("/x.tar.zst")
    birth.write(driver.lab, Birth("", str(file), "2026-01-01"))  # begun before, then used
    lab_build = LabBuild(driver, MADE, lambda _step: None, archive=file)
    assert lab_build.reset_stages()[0].action(lambda _note: None) == "saved 2026-01-01 00:00 UTC: /x.tar.zst"
    assert asked == [file]
    assert stage(driver, "restore", archive=file) == "unchanged: the lab has hosts"


def test_what_is_kept_and_damaged_is_forgotten(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(file: Path) -> Saved:
        raise InputError(f"{file.name}: damaged")

    file = kept.converged_file(driver.lab, KEY)
    write_file(file, "not an archive")
    monkeypatch.setattr(kept, "read", read)
    assert stage(driver, "restore") == f"from nothing: {file.name}: damaged"
    assert not file.exists()
    assert not driver.removed


def test_the_oldest_go_when_there_are_too_many(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(["small.b", "small.a", "other.c"]):
        file = kept.CONVERGED / f"{name}.tar.zst"
        write_file(file, "x" * 100)
        os.utime(file, (number, number))
    write_file(kept.CONVERGED / ".small.d.tar.zst.new", "half")
    write_file(kept.CONVERGED / ".other.d.tar.zst.new", "of one that works now")
    monkeypatch.setattr(kept, "LIMITS", replace(LIMITS, kept_labs_bytes=200))
    kept.bound(driver.lab)
    assert [(one.lab, one.name) for one in kept.converged()] == [("small", "a"), ("other", "c")]
    assert sorted(path.name for path in kept.CONVERGED.glob(".*")) == [".other.d.tar.zst.new"]


def test_an_attacked_and_a_sick_lab_are_not_saved(driver: FakeDriver) -> None:
    file = driver.lab.directory / "x.tar.zst"
    driver.states["www"] = "stopped"
    with pytest.raises(InputError, match=r"1 of .* hosts do not do what they promise: www \(runs\): testbed up"):
        save(driver, MADE, file, lambda _note: None)
    driver.states.clear()
    write_file(driver.lab.directory / "attack.json", '{"scenario": "rogue-no-voucher", "steps": []}')
    with pytest.raises(InputError, match="attack rogue-no-voucher is under way: testbed attack stop"):
        save(driver, MADE, file, lambda _note: None)
    assert not file.exists()
    (driver.lab.directory / "attack.json").unlink()
    assert save(driver, MADE, file, lambda _note: None) == len("packed")


@pytest.mark.parametrize("name", ["../x", "A", "", "a" * 33, "x y"])
def test_a_save_has_a_name_that_is_no_path(name: str, driver: FakeDriver) -> None:
    with pytest.raises(InputError, match="expected 1 to 32 lower-case letters"):
        kept.save_file(driver.lab, name)


def test_a_save_that_there_is_not_is_told_with_those_there_are(driver: FakeDriver) -> None:
    with pytest.raises(InputError, match="no save 'x'; there are: none yet"):
        kept.find(driver.lab, "x")
    write_file(kept.save_file(driver.lab, "lunch"), "packed")
    with pytest.raises(InputError, match="no save 'x'; there are: lunch"):
        kept.find(driver.lab, "x")
    assert kept.find(driver.lab, "lunch") == kept.save_file(driver.lab, "lunch")
    assert [(one.lab, one.name) for one in kept.saves(driver.lab.saves.parent)] == [("small", "lunch")]


def test_a_saved_lab_is_one_of_this_checkout_here(tmp_path: Path) -> None:
    there = replace(MADE, checkout="/there", source="/there/testbed/topologies/small.yml")
    found = Saved(datetime(2026, 1, 1, tzinfo=UTC), "amd64", "0011", with_image=False, made=there)
    assert restore.adopted(found) == MADE
    own = str(tmp_path / "own.yml")
    assert restore.adopted(replace(found, made=replace(there, source=own))).source == own


def test_a_lab_that_is_there_is_not_made_from_a_file(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path("/x.tar.zst")
    found = Saved(datetime(2026, 1, 1, tzinfo=UTC), "amd64", "0011", with_image=False, made=MADE)
    monkeypatch.setattr(kept, "read", lambda _file: found)
    assert intend_saved(driver, file) == MADE
    driver.lab.host_directory("www").mkdir(parents=True)
    with pytest.raises(InputError, match="lab small: is there: testbed reset --lab small"):
        intend_saved(driver, file)
    birth.write(driver.lab, Birth("", str(file), "2026-01-01"))  # it was begun from this very file
    assert intend_saved(driver, file) == MADE
