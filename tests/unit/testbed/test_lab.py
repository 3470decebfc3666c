"""A lab's record survives, its lock excludes, its names cannot be mistaken for another lab's."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from testbed.drivers.nspawn import hosts, network
from testbed.lifecycle.up import choose_image
from testbed.machine.lab import REPOSITORY, Lab, Record, write_file
from testbed.model.topology import Topology, parse
from testbed.provision.image.build import Image

MODEL: Topology = parse("{name: tiny, zones: {z: a zone}, hosts: {r: {role: router, zone: z}}}", "tiny.yml")
RECORD = Record(str(REPOSITORY), "tiny.yml", MODEL.digest, "0123456789abcdef")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab("tiny", labs=tmp_path / "labs", locks=tmp_path / "locks")


@pytest.mark.parametrize("identifier", ["", "Upper", "dot.dot", "../up", "a" * 17, "-x", "x-"])
def test_an_id_that_could_leave_its_place_is_refused(identifier: str) -> None:
    with pytest.raises(InputError, match=r"^lab id "):
        Lab(identifier)


def test_the_record_is_read_back(lab: Lab) -> None:
    assert lab.record() is None
    lab.write_record(RECORD)
    assert lab.record() == RECORD


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"checkout": "x"}'])
def test_a_damaged_record_is_one_line_with_the_fix(lab: Lab, damage: str) -> None:
    write_file(lab.directory / "lab.json", damage)
    with pytest.raises(HostError, match=r"damaged record .*: testbed down --lab tiny$"):
        lab.record()


def test_a_second_holder_is_told_who_holds_the_lock(lab: Lab) -> None:
    script = (
        "from pathlib import Path; from testbed.machine.lab import Lab; import sys\n"
        f"with Lab('tiny', Path({str(lab.labs)!r}), Path({str(lab.locks)!r})).lock():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True, cwd=REPOSITORY) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HostError, match=rf"\(process {holder.pid}\) works on it"), lab.lock():
            pass
        holder.kill()
        holder.wait()
    with lab.lock():
        pass


def test_a_lab_of_another_checkout_is_left_alone(lab: Lab) -> None:
    lab.write_record(replace(RECORD, checkout="/elsewhere"))
    with pytest.raises(HostError, match="belongs to the checkout /elsewhere: choose another id with --lab"):
        choose_image(lab, MODEL)


def test_an_edited_topology_asks_for_down_first(lab: Lab) -> None:
    lab.write_record(replace(RECORD, digest="of another content"))
    with pytest.raises(InputError, match="testbed down --lab tiny, then up"):
        choose_image(lab, MODEL)


def test_an_image_that_is_gone_from_under_a_lab_is_named(lab: Lab) -> None:
    lab.write_record(RECORD)
    lab.host_directory("r").mkdir(parents=True)
    with pytest.raises(HostError, match=r"its image .*0123456789abcdef is gone: testbed down"):
        choose_image(lab, MODEL)


def test_leftovers_without_a_record_ask_for_down(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "present", lambda _lab: set())
    monkeypatch.setattr(network, "present", lambda _lab: ["mecai.tiny.r"])
    with pytest.raises(HostError, match="leftovers without a record: testbed down --lab tiny"):
        choose_image(lab, MODEL)


def test_an_image_is_built_only_when_it_is_whole(tmp_path: Path) -> None:
    image = Image("0123", cache=tmp_path)
    (tmp_path / "0123.building" / "root").mkdir(parents=True)
    assert not image.built
    (tmp_path / "0123.building").rename(image.directory)
    assert image.built
