"""`mecai sidecar send`, `receive`, `push`, `pull`: one host fetches, another one serves."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import click

from mecai.cli.arguments import now
from mecai.cli.sidecar_settings import become_owner, environment, with_config
from mecai.errors import HostError, Malformed
from mecai.protocol.codec import strict_json
from mecai.service.deadline import Deadline
from mecai.sidecar import stream
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.delivery import SECONDS, Received
from mecai.sidecar.delivery import receive as receive_from
from mecai.sidecar.delivery import send as send_to
from mecai.sidecar.renewed import learn

_STDIN: Final = 0
_STDOUT: Final = 1
_ENDING_SECONDS: Final = 5.0  # for the program to end when it is asked to; then it is killed
_REFUSED: Final = 1  # the remote `receive` took some, but not all
# Nobody is asked a question, and a host that has gone silent ends it.
_OPTIONS: Final = ["-T", *(f"-o{each}" for each in ("BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15"))]
_with_ssh = click.option("--ssh", default="ssh", show_default=True, help="The program, with options of its own.")


@click.command()
@with_config
def send(config_path: Path) -> None:
    """Write what is kept for the certificates of the settings to standard output, for `receive` elsewhere."""
    send_to(_settings(config_path), environment(), _STDOUT, Deadline(SECONDS))


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
    fetched for it. Exit code 1 where anything was refused.
    """
    config = _settings(config_path)
    code, said = _delivered(config, host, ssh)
    done = learn(config, said.pop("chains"), now())
    click.echo(json.dumps({**said, "chains": vars(done)}, indent=2))
    context.exit(_REFUSED if code or done.reasons else 0)


def _delivered(config: SidecarConfig, host: str, ssh: str) -> tuple[int, dict[str, Any]]:
    """Deliver to a host that makes no connection of its own; return its exit code and its answer."""
    deadline = Deadline(SECONDS)
    with _remote(ssh, host, "receive", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as remote:
        with _pipe(remote.stdin) as pipe, suppress(BrokenPipeError):  # it has said why
            send_to(config, environment(), pipe.fileno(), deadline)
        said = stream.answer(_pipe(remote.stdout).fileno(), deadline)
        return _code(remote, host, deadline), _understood(said, host)


def _understood(said: bytes, host: str) -> dict[str, Any]:
    """Return what the other side says of the delivery; raises `HostError` for anything else."""
    try:
        document = strict_json.load(said, "answer")
    except Malformed as error:
        raise HostError(f"{host}: {error.detail}") from error
    chains = document.get("chains", []) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(chains, list) or not {str}.issuperset(map(type, chains)):
        raise HostError(f"{host}: says something else than what was taken")
    return {**document, "chains": chains}


@click.command()
@click.argument("host")
@with_config
@_with_ssh
@click.pass_context
def pull(context: click.Context, host: str, config_path: Path, ssh: str) -> None:
    """Have SSH run `mecai sidecar send` at HOST, and keep what is good of it."""
    config = _settings(config_path)
    with _remote(ssh, host, "send", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as remote:
        received = receive_from(config, environment(), _pipe(remote.stdout).fileno())
    _end(context, received)


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


def _code(remote: "subprocess.Popen[bytes]", host: str, deadline: Deadline) -> int:
    """Wait for the other side; return whether it refused anything. Raises `HostError`."""
    try:
        code = remote.wait(deadline.left())
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{host}: has not said after {SECONDS:g} s what it took") from error
    if code not in {0, _REFUSED}:
        raise HostError(f"{host}: nothing was delivered (ssh ended with {code})")
    return code


def _end(context: click.Context, received: Received) -> None:
    click.echo(json.dumps(vars(received), indent=2))
    context.exit(_REFUSED if received.refused else 0)
