"""`mecai sidecar push` and `pull` with an SSH that is none: nobody is waited for without end."""

import json
import os
import re
import syslog
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from mecai.cli import sidecar as verb
from mecai.cli import sidecar_delivery
from mecai.errors import HostError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import hash_of
from mecai.sidecar import delivery, stream
from mecai.sidecar.delivery import SECONDS
from mecai.sidecar.store import StapleKey
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


@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_host_that_is_not_reached_is_no_wrong_delivery(tmp_path: Path, way: str) -> None:
    """As SSH ends where a name has no address; it has said why."""
    with pytest.raises(HostError, match=r"^nowhere\.test: nothing was delivered \(ssh ended with 255\)$"):
        run(way, "nowhere.test", "--ssh", f"sh {script(tmp_path, 'exit 255 #')}")


def test_pull_tells_what_is_shown_and_not_why_anything_was_refused(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reasons name paths of this host, and who sends reads none."""
    monkeypatch.setattr(sidecar_delivery, "SECONDS", SECONDS)
    key = StapleKey(hash_of(side.scene.site.certificate), "00" * 8 + ".voucher")
    (tmp_path / "sent").write_bytes(stream.FIRST + stream.one(key, b"damaged") + stream.last(1))
    says = f"cat {tmp_path}/sent; cat >{tmp_path}/told #"
    assert run("pull", "www.example.test", "--ssh", f"sh {script(tmp_path, says)}") == 1
    assert set(json.loads((tmp_path / "told").read_text())) == {"chains", "successions"}


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


FIRST = b"mecai-staples 1\n"


@dataclass
class Sending:
    """`mecai sidecar send`, whose standard input is a file, and what its host's log and the other side have heard."""

    side: Side
    folder: Path
    log: list[str]

    def send(self, answer: bytes) -> tuple[object, bytes]:
        """Return the exit code, and what the other side heard after the delivery."""
        with (self.folder / "answer").open("w+b") as said, (self.folder / "sent").open("w+b") as out:
            said.write(answer)
            said.seek(0)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sidecar_delivery, "_STDIN", said.fileno())
                patch.setattr(sidecar_delivery, "_STDOUT", out.fileno())
                command = ["send", "--config", "sidecar.toml"]
                done = CliRunner().invoke(verb.command, command, catch_exceptions=False, standalone_mode=False)
        assert (self.folder / "sent").read_bytes().startswith(FIRST)
        return done.return_value, done.stdout_bytes


@pytest.fixture
def sending(side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sending:
    log: list[str] = []
    monkeypatch.setattr(sidecar_delivery, "SECONDS", SECONDS)
    monkeypatch.setattr(sidecar_delivery, "now", lambda: side.now)
    monkeypatch.setattr(syslog, "syslog", lambda _, line: log.append(line))
    os.utime(side.config.certificates[0].chain, (0, 0))
    return Sending(side, tmp_path, log)


def shown(*chains: bytes) -> bytes:
    return json.dumps({"written": 1, "chains": [chain.decode() for chain in chains]}).encode()


def test_send_lays_what_was_renewed_where_it_is_pulled_to(sending: Sending) -> None:
    chain = sending.side.config.certificates[0].chain
    renewed = sending.side.scene.alder.server("www.example.test", days=100).chain_pem
    code, heard = sending.send(b"\n" + shown(renewed))
    assert (code, json.loads(heard)) == (0, {"renewed": 1, "successions": 0, "refused": 0})
    assert chain.read_bytes() == renewed
    assert sending.log == [f"laid: {chain}"]


def test_who_pulls_hears_no_more_than_how_much_was_refused(sending: Sending) -> None:
    """Neither a path of this host nor what is wrong here is his business; its log has it, in one line for each."""
    chain = sending.side.config.certificates[0].chain
    os.utime(chain, (sending.side.now.timestamp(),) * 2)
    renewed = sending.side.scene.alder.server("www.example.test", days=100).chain_pem
    code, heard = sending.send(shown(renewed, b"no\ncertificate"))
    assert (code, json.loads(heard)) == (1, {"renewed": 0, "successions": 0, "refused": 1})
    (line,) = sending.log
    assert line.startswith(f'not laid: "{chain}: was laid 0 s ago')
    assert "\n" not in line


@pytest.mark.parametrize("answer", [b"", b"\n"], ids=["an earlier release, or a file", "one that was killed"])
def test_send_to_who_says_nothing(sending: Sending, answer: bytes) -> None:
    assert sending.send(answer) == (None, b"")


@pytest.mark.parametrize("answer", [b"{", b'{"chains": [', b"[" * 100_000, b"\xff", b'{"chains": 1}', b"[]", b"1"])
def test_send_says_what_is_no_answer(sending: Sending, answer: bytes) -> None:
    before = sending.side.config.certificates[0].chain.read_bytes()
    with pytest.raises(HostError, match=r"^the other side: (answer: no strict JSON|says something else)") as refused:
        sending.send(answer)
    assert str(sending.folder) not in str(refused.value)
    assert sending.side.config.certificates[0].chain.read_bytes() == before


@pytest.fixture
def pulled(side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    """Let the other side send a directory, and do this after it."""
    monkeypatch.setattr(sidecar_delivery, "SECONDS", SECONDS)
    monkeypatch.setattr(delivery, "TAKING_SECONDS", SECONDS)
    octets = side.config.directory.read_bytes()
    (tmp_path / "delivery").write_bytes(FIRST + b"directory.der %d\n" % len(octets) + octets + b"end 1\n")

    def pull(then: str) -> Result:
        says = f"cat {tmp_path}/delivery; {then} #"
        command = ["pull", "--config", "sidecar.toml", "www.example.test", "--ssh", f"sh {script(tmp_path, says)}"]
        return CliRunner().invoke(verb.command, command, standalone_mode=False)

    return pull


def test_pull_says_what_is_shown_here(side: Side, pulled: Callable[[str], Result], tmp_path: Path) -> None:
    laid = {"renewed": 1, "successions": 2, "refused": 0}
    done = pulled(f"cat >{tmp_path}/heard; echo '{json.dumps(laid)}'")
    assert (done.return_value, json.loads(done.stdout)["chains"]) == (0, laid)
    heard = json.loads((tmp_path / "heard").read_bytes())
    assert heard["chains"] == [side.scene.site.chain_pem.decode()]


def test_pull_from_an_earlier_release(pulled: Callable[[str], Result]) -> None:
    """It ends without having heard anything."""
    done = pulled("exit 0")
    assert (done.return_value, json.loads(done.stdout)["chains"]) == (0, {})


def test_what_is_refused_there_is_an_exit_code_here(pulled: Callable[[str], Result]) -> None:
    done = pulled('cat >/dev/null; echo \'{"renewed": 0, "successions": 0, "refused": 1}\'; exit 1')
    assert (done.return_value, json.loads(done.stdout)["chains"]["refused"]) == (1, 1)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("exit 3", r"what is shown here was not heard \(ssh ended with 3\)"),
        ("cat >/dev/null; echo '{'", "answer: no strict JSON"),
        ("cat >/dev/null; echo '[]'", "answer: expected a JSON object"),
        ('cat >/dev/null; echo \'{"renewed": "1"}\'', "answer.renewed: expected an integer"),
    ],
)
def test_pull_says_what_went_wrong_there(pulled: Callable[[str], Result], then: str, said: str) -> None:
    done = pulled(then)
    assert isinstance(done.exception, HostError)
    assert re.search(said, str(done.exception))
