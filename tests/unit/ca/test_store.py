"""An authority is made whole or not at all, and belongs to one user."""

import os
from pathlib import Path

import pytest

from mecai.ca.authority.operations import initialise, opened
from mecai.ca.config import AuthorityConfig
from mecai.errors import HostError, InputError
from mecai.service import durable
from tests.pki import NOW


def modes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


def contents(config: AuthorityConfig) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in config.public.rglob("*") if path.is_file()}


def test_files_and_modes(config: AuthorityConfig) -> None:
    assert initialise(config, NOW)
    names = ("root.key.pem", "root.pem", "issuing.key.pem", "issuing.pem", "register.db")
    assert modes(config.state / "authority") == dict.fromkeys(names, 0o600)
    public = ("root.pem", "issuing.pem", "root.crl", "issuing.crl")
    assert modes(config.public) == {"status": 0o755} | dict.fromkeys(public, 0o644)
    assert modes(config.public / "status") == {"root": 0o755, "issuing": 0o755, "complete": 0o644}
    assert set(modes(config.public / "status" / "root").values()) == {0o644}
    assert config.state.stat().st_mode & 0o777 == 0o700


def test_making_it_again_changes_nothing(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    before = contents(config)
    assert not initialise(config, NOW)
    assert contents(config) == before


def test_lost_public_files_come_back(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    (config.public / "status" / "complete").unlink()
    (config.public / "issuing.pem").unlink()
    assert initialise(config, NOW)
    assert (config.public / "status" / "complete").exists()
    assert (config.public / "issuing.pem").exists()


def test_public_files_of_a_former_authority_are_replaced(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    former = contents(config)
    config.state.rename(config.state.with_name("former"))
    (config.public / "root.pem").unlink()  # the explicit word
    assert initialise(config, NOW)
    now = contents(config)
    assert len(now) == len(former)
    assert {path.name for path in now if now[path] == former.get(path)} == {"complete"}


@pytest.mark.parametrize("fatal", [1, 2, 3, 4])
def test_a_crash_while_making_leaves_no_half_authority(
    config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch, fatal: int
) -> None:
    written = []

    def create(path: Path, data: bytes, mode: int) -> None:
        written.append(path)
        if len(written) == fatal:
            raise KeyboardInterrupt
        real(path, data, mode)

    real = durable.create
    monkeypatch.setattr(durable, "create", create)
    with pytest.raises(KeyboardInterrupt):
        initialise(config, NOW)
    monkeypatch.undo()
    with pytest.raises(HostError, match="there is no authority"), opened(config):
        pass
    assert initialise(config, NOW)
    assert sorted(path.name for path in config.state.iterdir()) == ["authority", "lock", "turn"]


def test_an_authority_keeps_its_name(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    other = AuthorityConfig(**{**vars(config), "name": "birch"})
    with pytest.raises(InputError, match=r"name: 'birch', but the authority in .* is 'CN=alder root CA'"):
        initialise(other, NOW)


def test_an_open_state_directory_is_refused(config: AuthorityConfig) -> None:
    config.state.mkdir(mode=0o750)
    with pytest.raises(HostError, match="expected mode 0700"):
        initialise(config, NOW)


def test_another_users_state_directory_is_refused(config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config.state.mkdir(mode=0o700)
    owner = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(HostError, match=f"belongs to user id {owner}, not to {owner + 1}; run as its owner"):
        initialise(config, NOW)
