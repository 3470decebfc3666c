"""`mecai sidecar send`, `receive`, `push`, `pull`: one host fetches, another one serves."""

import json
import shlex
import subprocess
import syslog
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import click

from mecai.cli.arguments import now
from mecai.cli.sidecar_settings import become_owner, environment, with_config
from mecai.errors import HostError, Malformed
from mecai.protocol.codec import strict_json
from mecai.protocol.codec.strict_json import Members
from mecai.service.deadline import Deadline
from mecai.sidecar import stream
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.delivery import SECONDS, Received
from mecai.sidecar.delivery import receive as receive_from
from mecai.sidecar.delivery import send as send_to
from mecai.sidecar.renewed import Renewed, Shown, learn

_STDIN: Final = 0
_STDOUT: Final = 1
_ENDING_SECONDS: Final = 5.0  # for the program to end when it is asked to; then it is killed
_REFUSED: Final = 1  # the other side took some, but not all
_SHOWN: Final = ("chains", "successions")  # members of an answer
_LAID: Final = ("renewed", "successions", "refused")  # of what `send` says last: how many
# Goes before the answer of `pull`, and at once: a key that opens `receive` would have both sides wait for the other.
_NO_DELIVERY: Final = b"\n"
_OTHER: Final = "{}: says something else than what was taken"
# Nobody is asked a question, and a host that has gone silent ends it.
_OPTIONS: Final = ["-T", *(f"-o{each}" for each in ("BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15"))]
_with_ssh = click.option("--ssh", default="ssh", show_default=True, help="The program, with options of its own.")


@click.command()
@with_config
@click.pass_context
def send(context: click.Context, config_path: Path) -> None:
    """Write what is kept for the certificates of the settings to standard output, for `pull` elsewhere.

    Then hear on standard input what is shown there, as `push` does. Exit code 1 where anything of it was refused, which
    this host's log explains; the other one learns how much.
    """
    config, deadline = _settings(config_path), Deadline(SECONDS)
    send_to(config, environment(), _STDOUT, deadline)
    said = stream.answer(_STDIN, deadline)
    if not said.strip():  # it was no `pull`, one of an earlier release, or one that was killed
        return
    _, heard = _understood(said, "the other side")
    done = learn(config, heard, now())
    _note(done)
    click.echo(json.dumps(dict(zip(_LAID, map(len, (done.renewed, done.successions, done.reasons)), strict=True))))
    context.exit(_REFUSED if done.reasons else 0)


def _note(done: Renewed) -> None:
    """Tell this host's log what was laid, and why the rest was not: paths are not the other side's business."""
    syslog.openlog("mecai-sidecar")
    for path in (*done.renewed, *done.successions):
        syslog.syslog(syslog.LOG_NOTICE, f"laid: {path}")
    for reason in done.reasons:
        syslog.syslog(syslog.LOG_WARNING, f"not laid: {json.dumps(reason)}")  # one line, whatever a stranger wrote


@click.command()
@with_config
@click.pass_context
def receive(context: click.Context, config_path: Path) -> None:
    """Take from standard input what `send` wrote; judge it as a client would, and keep what is good.

    Exit code 1 where something was refused. Nobody is asked anything.
    """
    _end(context, receive_from(_settings(config_path), environment(), _STDIN))


@click.command()
@click.argument("host")
@with_config
@_with_ssh
@click.pass_context
def push(context: click.Context, host: str, config_path: Path, ssh: str) -> None:
    """Send what is kept for the certificates of the settings to HOST, where SSH runs `mecai sidecar receive`.

    A chain that was renewed there takes the place of the one here, if it is for the same names, so that vouchers are
    fetched for it; its succession goes where the settings have one. Exit code 1 where anything was refused.
    """
    config = _settings(config_path)
    code, said, heard = _delivered(config, host, ssh)
    done = learn(config, heard, now())
    click.echo(json.dumps({**said, "chains": vars(done)}, indent=2))
    context.exit(_REFUSED if code or done.reasons else 0)


def _delivered(config: SidecarConfig, host: str, ssh: str) -> tuple[int, dict[str, Any], Shown]:
    """Deliver to a host that makes no connection of its own; return its exit code, its answer and what it shows."""
    deadline = Deadline(SECONDS)
    with _remote(ssh, host, "receive", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as remote:
        with _pipe(remote.stdin) as pipe, suppress(BrokenPipeError):  # it has said why
            send_to(config, environment(), pipe.fileno(), deadline)
        said = stream.answer(_pipe(remote.stdout).fileno(), deadline)
        return _code(remote, host, deadline, "nothing was delivered"), *_understood(said, host)


def _understood(said: bytes, host: str) -> tuple[dict[str, Any], Shown]:
    """Return what the other side says of a delivery, and what it shows; raises `HostError` for anything else."""
    try:
        document = strict_json.load(said, "answer")
    except Malformed as error:
        raise HostError(f"{host}: {error.detail}") from error
    if not isinstance(document, dict):
        raise HostError(_OTHER.format(host))
    shown = [document.pop(name, []) for name in _SHOWN]
    if not all(isinstance(each, list) and {str}.issuperset(map(type, each)) for each in shown):
        raise HostError(_OTHER.format(host))
    return document, Shown(*shown)


@click.command()
@click.argument("host")
@with_config
@_with_ssh
@click.pass_context
def pull(context: click.Context, host: str, config_path: Path, ssh: str) -> None:
    """Have SSH run `mecai sidecar send` at HOST, and keep what is good of it.

    What is shown here goes back, as the answer to a `push` does: chains that were renewed, and successions. Exit code 1
    where anything was refused, here or there.
    """
    config, deadline = _settings(config_path), Deadline(SECONDS)
    with _remote(ssh, host, "send", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as remote:
        _tell(remote, _NO_DELIVERY, deadline)
        received = _received(config, remote, host, deadline)
        # What was refused, and why, names paths of this host.
        _tell(remote, strict_json.dump({name: vars(received)[name] for name in _SHOWN}), deadline)
        _pipe(remote.stdin).close()
        laid = _laid(stream.answer(_pipe(remote.stdout).fileno(), deadline), host)
        taken = {name: value for name, value in vars(received).items() if name not in _SHOWN}
        click.echo(json.dumps({**taken, "chains": laid}, indent=2))
        code = _code(remote, host, deadline, "what is shown here was not heard")
    context.exit(_REFUSED if code or received.refused else 0)


def _received(config: SidecarConfig, remote: "subprocess.Popen[bytes]", host: str, deadline: Deadline) -> Received:
    """Keep what comes; where nothing whole comes since SSH itself has failed, that is the failure (`HostError`)."""
    try:
        return receive_from(config, environment(), _pipe(remote.stdout).fileno())
    except Malformed:
        _pipe(remote.stdin).close()
        _code(remote, host, deadline, "nothing was delivered")
        raise


def _tell(remote: "subprocess.Popen[bytes]", octets: bytes, deadline: Deadline) -> None:
    with suppress(BrokenPipeError):  # a `send` of an earlier release hears nothing
        stream.write(_pipe(remote.stdin).fileno(), octets, deadline)


def _laid(said: bytes, host: str) -> dict[str, int]:
    """Return how many things the other side laid of what is shown here; raises `HostError` for anything else."""
    if not said:
        return {}
    try:
        members = Members(strict_json.load(said, "answer"), "answer")
        return {name: members.integer(name) for name in _LAID}
    except Malformed as error:
        raise HostError(f"{host}: {error.detail}") from error


def _settings(path: Path) -> SidecarConfig:
    return become_owner(read_config(path))


@contextmanager
def _remote(ssh: str, host: str, verb: str, **pipes: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the other side, which ends with the block; a key's forced command runs, whatever is asked for here."""
    if host.startswith("-"):
        raise click.BadArgumentUsage(f"{host!r} is no host")
    command = [*_program(ssh), *_OPTIONS, host, f"mecai sidecar {verb}"]
    try:
        remote = subprocess.Popen(command, bufsize=0, **pipes)  # type: ignore[call-overload]  # stdin or stdout
    except OSError as error:
        raise HostError(f"{command[0]}: cannot be run ({error.strerror})") from error
    with remote:
        try:
            yield remote
        finally:
            _stop(remote)


def _program(ssh: str) -> list[str]:
    try:
        words = shlex.split(ssh)
    except ValueError as error:
        raise click.BadArgumentUsage(f"--ssh: {ssh!r} is no command ({error})") from error
    if not words:
        raise click.BadArgumentUsage(f"--ssh: {ssh!r} is no command (it is empty)")
    return words


def _stop(remote: "subprocess.Popen[bytes]") -> None:
    remote.terminate()
    try:
        remote.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        remote.kill()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise HostError("ssh: has no pipe")
    return stream


def _code(remote: "subprocess.Popen[bytes]", host: str, deadline: Deadline, failure: str) -> int:
    """Wait for the other side; return whether it refused anything. Raises `HostError`, which names the failure."""
    try:
        code = remote.wait(deadline.left())
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{host}: has not said after {SECONDS:g} s what it took") from error
    if code not in {0, _REFUSED}:
        raise HostError(f"{host}: {failure} (ssh ended with {code})")
    return code


def _end(context: click.Context, received: Received) -> None:
    click.echo(json.dumps(vars(received), indent=2))
    context.exit(_REFUSED if received.refused else 0)
