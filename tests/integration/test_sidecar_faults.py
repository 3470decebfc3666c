"""Real sidecars in trouble: a disk that is full, a second one beside it, SIGKILL in the middle of a round."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.vouching_double import World, make_world, served
from tests.integration.test_full_disk import MECAI, Disk
from tests.patience import SECONDS

SITES, AUTHORITIES = 4, 3
FILES = SITES * (AUTHORITIES + 1)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="port 80, and mounting a small disk, need root")


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SITES, AUTHORITIES)


@pytest.fixture
def config(world: World, tmp_path: Path) -> Iterator[Path]:
    with served(world, tmp_path) as config:
        yield config


def refreshing(config: Path) -> "subprocess.Popen[bytes]":
    command = [*MECAI, "sidecar", "refresh", "--config", str(config), "--format", "json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def states(said: bytes | str) -> dict[str, int]:
    """Count the states of everything that `refresh` or `status` showed."""
    items: list[dict[str, Any]] = json.loads(said)["items"]
    found: dict[str, int] = {}
    for item in items:
        found[item["state"]] = found.get(item["state"], 0) + 1
    return found


def written(config: Path) -> list[Path]:
    return list((config.parent / "state" / "staples").glob("*/*"))


def test_two_at_once_take_turns(config: Path) -> None:
    both = [refreshing(config), refreshing(config)]
    for each in both:
        said, _ = each.communicate(timeout=SECONDS)
        assert (each.returncode, states(said)) == (0, {"good": FILES})
    assert len(written(config)) == FILES


def test_killed_in_the_middle_of_a_round_it_is_made_up_for(config: Path) -> None:
    for _ in range(3):
        with refreshing(config) as sidecar:
            while len(written(config)) < FILES // 2 and sidecar.poll() is None:
                os.sched_yield()
            sidecar.send_signal(signal.SIGKILL)
    sidecar = refreshing(config)
    said, _ = sidecar.communicate(timeout=SECONDS)
    assert states(said) == {"good": FILES}
    assert len(written(config)) == FILES  # nothing half-written is left


def test_a_full_disk_breaks_nothing_and_is_said_of_each_file(config: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "disk").mkdir()
    disk = Disk(folder)
    config.write_text(config.read_text().replace(f'state = "{tmp_path}/state"', f'state = "{folder}"'))
    try:
        words = (*MECAI, "sidecar", "refresh", "--config", str(config), "--format", "json")
        assert states(disk.run(*words).stdout) == {"good": FILES}
        good = {path: path.read_bytes() for path in disk.seen.glob("staples/*/*.voucher")}
        removed = sorted(disk.seen.glob("staples/*/*.voucher"))[:5]
        for path in removed:
            path.unlink()
        disk.fill()
        full = disk.run(*words)
        assert full.returncode != 0
        assert "No space left on device" in full.stdout + full.stderr
        left = {path: path.read_bytes() for path in disk.seen.glob("staples/*/*.voucher")}
        assert left.items() <= good.items()
        assert not list(disk.seen.glob("staples/*/.*"))
        disk.free()
        assert states(disk.run(*words).stdout) == {"good": FILES}
    finally:
        disk.end()
        shutil.rmtree(folder, ignore_errors=True)
