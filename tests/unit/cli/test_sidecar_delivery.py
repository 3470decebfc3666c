"""`mecai sidecar push` and `pull` with an SSH that is none: nobody is waited for without end."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mecai.cli import sidecar as verb
from mecai.cli import sidecar_delivery
from mecai.errors import HostError
from mecai.protocol.limits import LIMITS
from mecai.sidecar import delivery
from mecai.sidecar.delivery import SECONDS
from tests.unit.sidecar.conftest import Side, make_side

pytestmark = pytest.mark.usefixtures("side")

# Neither reads nor writes nor ends when it is asked to.
SILENT = "trap '' TERM; exec sleep 600 #"


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Side:
    """Let the verbs find a played world, and have little patience."""
    side = make_side(tmp_path)
    monkeypatch.setattr(sidecar_delivery, "read_config", lambda _: side.config)
    monkeypatch.setattr(sidecar_delivery, "environment", lambda: side.environment)
    monkeypatch.setattr(sidecar_delivery, "SECONDS", 0.2)
    monkeypatch.setattr(delivery, "TAKING_SECONDS", 0.2)
    monkeypatch.setattr(sidecar_delivery, "_ENDING_SECONDS", 0.2)
    return side


@pytest.fixture
def ssh(tmp_path: Path) -> str:
    """Give a program that is silent, with an option of its own."""
    return f"sh {script(tmp_path, SILENT)}"


def script(folder: Path, text: str) -> Path:
    path = folder / "ssh"
    path.write_text(text)
    return path


def run(*words: str) -> object:
    """Return the exit code."""
    command = [*words[:1], "--config", "sidecar.toml", *words[1:]]
    return CliRunner().invoke(verb.command, command, catch_exceptions=False, standalone_mode=False).return_value


def fill(side: Side) -> None:
    """Deliver more than a pipe takes."""
    side.config.directory.write_bytes(bytes(LIMITS.directory_size))


def test_push_ends_where_the_other_side_reads_nothing(side: Side, ssh: str) -> None:
    fill(side)
    with pytest.raises(HostError, match="delivery: is not taken in time"):
        run("push", "www.example.test", "--ssh", ssh)


def test_push_ends_where_the_other_side_says_nothing(ssh: str) -> None:
    with pytest.raises(HostError, match=r"nobody says in time|not taken in time"):
        run("push", "www.example.test", "--ssh", ssh)


def test_pull_ends_where_the_other_side_says_nothing(ssh: str) -> None:
    with pytest.raises(HostError, match="delivery: is not over in time"):
        run("pull", "www.example.test", "--ssh", ssh)


def test_push_to_a_side_that_ends_before_it_has_read_everything(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecar_delivery, "SECONDS", SECONDS)
    fill(side)
    with pytest.raises(HostError, match=r"nothing was delivered \(ssh ended with 7\)"):
        run("push", "www.example.test", "--ssh", f"sh {script(tmp_path, 'exit 7 #')}")


@pytest.fixture
def answered(side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Let the other side say this of a delivery."""
    monkeypatch.setattr(sidecar_delivery, "SECONDS", SECONDS)
    monkeypatch.setattr(sidecar_delivery, "now", lambda: side.now)

    def push(answer: str) -> object:
        (tmp_path / "answer").write_text(answer)
        says = f"cat >{tmp_path}/taken; cat {tmp_path}/answer #"
        return run("push", "www.example.test", "--ssh", f"sh {script(tmp_path, says)}")

    return push


def test_push_lays_a_chain_that_was_renewed_there(side: Side, answered: Callable[[str], object]) -> None:
    chain = side.config.certificates[0].chain
    renewed = side.scene.alder.server("www.example.test", days=100).chain_pem
    foreign = side.scene.alder.server("other.example.test", days=100).chain_pem
    os.utime(chain, (0, 0))
    assert answered(json.dumps({"written": 1, "chains": [renewed.decode()]})) == 0
    assert chain.read_bytes() == renewed
    assert answered(json.dumps({"written": 1, "chains": [foreign.decode()]})) == 1
    assert chain.read_bytes() == renewed


@pytest.mark.parametrize("answer", ["", "{", "[]", '{"chains": {}}', '{"chains": [1]}', '{"chains": null}'])
def test_push_says_what_is_no_answer(answered: Callable[[str], object], answer: str) -> None:
    with pytest.raises(HostError, match=r"^www\.example\.test: (answer: no strict JSON|says something else)"):
        answered(answer)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("www.example.test", "--ssh", 'ssh "'), "--ssh: 'ssh \"' is no command"),
        (("www.example.test", "--ssh", " "), "--ssh: ' ' is no command"),
        (("--", "-oProxyCommand=x"), "'-oProxyCommand=x' is no host"),
    ],
)
@pytest.mark.parametrize("way", ["push", "pull"])
def test_what_is_no_command_or_no_host(way: str, words: tuple[str, ...], said: str) -> None:
    """One clear line, and exit code 2."""
    with pytest.raises(click.UsageError, match=said) as refused:
        run(way, *words)
    assert refused.value.exit_code == 2


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(HostError, match="no-such-ssh: cannot be run"):
        run("push", "www.example.test", "--ssh", "no-such-ssh")
