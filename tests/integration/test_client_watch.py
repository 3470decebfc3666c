"""`mecai client watch`: the same hosts again and again, as a table and as lines."""

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.client_servers import openssl_server
from tests.integration.test_client_command import MECAI, mecai
from tests.patience import SECONDS
from tests.ports import free_port
from tests.unit.client.world import World

world = World()
ANSWER = world.answer("birch", "cedar", "dogwood")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("client")
    world.write_config(path)
    return path


def command(folder: Path, port: int, *words: str) -> list[str]:
    return [str(MECAI), "client", "watch", "--config", str(folder / "client.toml"), f"localhost:{port}", *words]


def test_a_line_for_each_visit(folder: Path, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with openssl_server(world, tmp_path, ANSWER) as port:
        result = mecai(folder, "watch", f"localhost:{port}", nobody, "--count", "2", "--every", "1", "--format", "json")
    assert (result.returncode, result.stderr) == (1, "")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    said = [(each["url"], each["verdict"], each["reason"]) for each in found]
    assert (
        said == [(f"https://localhost:{port}/", "accepted", None), (f"https://{nobody}/", "refused", "unreachable")] * 2
    )


def test_a_table_that_says_what_has_changed(folder: Path, tmp_path: Path) -> None:
    """The server is gone after the first round."""
    with openssl_server(world, tmp_path, ANSWER) as port:
        command = [
            str(MECAI),
            "client",
            "watch",
            "--config",
            str(folder / "client.toml"),
            f"localhost:{port}",
            "--every",
            "1",
        ]
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert watching.stdout is not None
        heading, first = watching.stdout.readline(), watching.stdout.readline()
    try:
        assert heading.split() == ["site", "verdict", "reason", "since", "changes", "vouched", "by", "until", "asked"]
        assert re.search(rf"localhost:{port} +accepted +\S+Z +0 +[a-z]+(, [a-z]+)* +\S+Z +\S+Z", first)
        rows = (line for line in watching.stdout if "localhost" in line)
        changed = next(row for row in rows if "unreachable" in row)  # whoever meets it while it ends says otherwise
        assert re.search(r"refused +unreachable +\S+Z +[12] +\S+Z", changed)
    finally:
        watching.send_signal(signal.SIGTERM)
        watching.communicate(timeout=SECONDS)
    assert watching.returncode == 1


def test_the_table_stays_in_its_place_on_a_terminal(folder: Path, tmp_path: Path) -> None:
    with openssl_server(world, tmp_path, ANSWER) as port:
        words = command(folder, port, "--count", "2", "--every", "1")
        controller, terminal = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "160"}
        with subprocess.Popen(words, stdout=terminal, env=environment) as watching:
            os.close(terminal)
            said = b""
            try:
                while octets := os.read(controller, 4096):
                    said += octets
            except OSError:  # how a terminal says that nobody writes to it any more
                pass
        os.close(controller)
    assert watching.returncode == 0
    assert b"\x1b[1A" in said  # up again
    assert b"\x1b[32maccepted" in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "Missing argument 'HOST[:PORT]...'"),
        (("a b",), "has characters"),
        (("localhost", "--every", "0"), "'--every'"),
    ],
)
def test_bad_words_end_in_one_line(folder: Path, words: tuple[str, ...], line: str) -> None:
    result = mecai(folder, "watch", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert line in result.stderr.splitlines()[-1]
