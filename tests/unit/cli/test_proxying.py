"""What `mecai client proxy` says where it cannot begin: one line, and nothing is made."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from mecai.cli.client import command
from mecai.errors import HostError, InputError
from tests.unit.client.world import World

world = World()


def start(config: Path, *words: str) -> BaseException | None:
    """Start it, and return what ended it."""
    return CliRunner().invoke(command, ["proxy", "--config", str(config), *words]).exception


def test_without_a_configuration(tmp_path: Path) -> None:
    assert isinstance(start(tmp_path / "client.toml"), HostError)


def test_a_port_that_is_taken_leaves_no_authority(tmp_path: Path) -> None:
    config = world.write_config(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = start(config, "--port", str(taken.getsockname()[1]))
    assert isinstance(found, HostError)
    assert "(Address already in use); end what listens there" in str(found)
    assert not (tmp_path / "state" / "proxy").exists()


@pytest.mark.parametrize("domain", ["a b", "127.0.0.1", ""])
def test_a_domain_that_is_no_host_name(tmp_path: Path, domain: str) -> None:
    found = start(world.write_config(tmp_path), "--port", "0", "--domain", domain)
    assert isinstance(found, InputError)
    assert not (tmp_path / "state" / "proxy").exists()
