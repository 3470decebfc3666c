"""A client that runs for days follows its directory: a new file is taken, a bad one leaves the former in force."""

import asyncio
from pathlib import Path

import pytest

from mecai.client.policy import read_policy
from mecai.client.trust import Trust
from tests.unit.client.world import World

world = World()


def test_a_new_directory_is_taken_and_a_bad_one_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trust = Trust(read_policy(world.write_config(tmp_path)))
    directory = tmp_path / "directory.der"

    async def sequence() -> int:
        return (await trust.context()).directory.sequence

    assert asyncio.run(sequence()) == 1
    directory.write_bytes(world.signed_directory(sequence=2))
    assert asyncio.run(sequence()) == 2
    directory.write_bytes(b"no directory")
    assert asyncio.run(sequence()) == 2
    assert "the former directory stays in force" in caplog.text
    directory.unlink()
    assert asyncio.run(sequence()) == 2


def test_the_context_stays_while_the_directory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mecai.service.file_status._TICK_NS", -(10**15))  # each file has settled
    trust = Trust(read_policy(world.write_config(tmp_path)))

    async def twice() -> bool:
        return await trust.context() is await trust.context()

    assert asyncio.run(twice())


def test_a_directory_that_may_have_changed_unseen_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a tick of the file system's clock two contents look the same."""
    monkeypatch.setattr("mecai.service.file_status._TICK_NS", 10**15)  # no file has settled
    trust = Trust(read_policy(world.write_config(tmp_path)))

    async def twice() -> bool:
        return await trust.context() is await trust.context()

    assert not asyncio.run(twice())
