"""`mecai sidecar push` and `pull` with an SSH that is none: nobody is waited for without end."""

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


def run(*words: str) -> None:
    command = [*words[:1], "--config", "sidecar.toml", *words[1:]]
    CliRunner().invoke(verb.command, command, catch_exceptions=False, standalone_mode=False)


def fill(side: Side) -> None:
    """Deliver more than a pipe takes."""
    side.config.directory.write_bytes(bytes(LIMITS.directory_size))


def test_push_ends_where_the_other_side_reads_nothing(side: Side, ssh: str) -> None:
    fill(side)
    with pytest.raises(HostError, match="delivery: is not taken in time"):
        run("push", "www.example.test", "--ssh", ssh)


def test_push_ends_where_the_other_side_says_nothing(ssh: str) -> None:
    with pytest.raises(HostError, match=r"has not said after 0\.2 s|not taken in time"):
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
