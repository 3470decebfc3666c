"""Run the system's tools: arguments are lists, waits are bounded, failures say which tool and what it said."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import NoReturn

from mecai.errors import HostError
from testbed.machine.limits import LIMITS

# Tools of the machine, each with the Debian package that has it.
PACKAGES = {
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sysctl": "procps",
    "systemd-nspawn": "systemd-container",
    "tar": "tar",
    "umount": "mount",
    "unshare": "util-linux",
    "zstd": "zstd",
}


class ToolFailed(HostError):
    """A tool ended with another exit code than 0; `said` is its last line."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"{what}: {said}")
        self.said = said


def missing() -> list[str]:
    """List the tools that this machine lacks."""
    return [tool for tool in PACKAGES if shutil.which(tool) is None]


def require_root() -> str:
    """Raise `HostError` unless this process may make namespaces and mounts."""
    if os.geteuid() != 0:
        raise HostError(f"root is needed to make namespaces and mounts, this is user {os.geteuid()}: use sudo")
    return "root"


def run(argv: Sequence[str | Path], *, seconds: float = LIMITS.command_seconds) -> str:
    """Run a tool to its end and return what it wrote to stdout; raises `HostError`."""
    done = _finish(argv, seconds)
    if done.returncode:
        raise ToolFailed(f"{_words(argv)}: exit code {done.returncode}", _last_line(done.stderr or done.stdout))
    return done.stdout


def answer(argv: Sequence[str | Path], *, seconds: float = LIMITS.command_seconds) -> str:
    """Run a tool for what it says, whatever its exit code; raises `HostError` when it does not end."""
    return _finish(argv, seconds).stdout.strip()


def become(argv: Sequence[str | Path]) -> NoReturn:
    """Become a tool: it takes this process over, terminal and exit code and all; raises `HostError`."""
    try:
        os.execvp(argv[0], list(map(str, argv)))  # noqa: S606 - a list, no shell
    except FileNotFoundError as error:
        raise absent(argv[0]) from error


def run_detached(argv: Sequence[str | Path], log: Path) -> None:
    """Run a tool that puts itself in the background, its output to `log`; raises `HostError` when it cannot begin."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as sink:
        done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)
    if done.returncode:
        said = _last_line(log.read_text(encoding="utf-8", errors="replace"))
        raise HostError(f"{_words(argv)}: exit code {done.returncode}: {said}; log {log}")


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda _line: None,
) -> None:
    """Run a long tool, its output to `log` and line by line to `on_line`; raises `HostError`.

    The tool ends with this process, however this process ends (`setpriv --pdeathsig`).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    started, last = time.monotonic(), ""
    with log.open("w", encoding="utf-8", buffering=1) as sink, _running(argv, environment, seconds) as process:
        for line in process.stdout or ():
            sink.write(line)
            last = line.strip() or last
            on_line(line)
    name = Path(argv[0]).name
    if process.returncode and time.monotonic() - started >= seconds:
        raise HostError(f"{name}: no end after {seconds:.0f} s")
    if process.returncode:
        raise HostError(f"{name}: exit code {process.returncode}: {last}")


@contextmanager
def _running(
    argv: Sequence[str | Path], environment: Mapping[str, str] | None, seconds: float
) -> Iterator[subprocess.Popen[str]]:
    """Run a tool to its end, which comes after so many seconds at the latest, or when the caller breaks off."""
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
    ) as process:
        stopper = Timer(seconds, process.terminate)
        stopper.start()
        try:
            yield process
            process.wait()
        except BaseException:
            process.terminate()
            raise
        finally:
            stopper.cancel()
            stopper.join()


def _finish(argv: Sequence[str | Path], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=seconds, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise absent(argv[0]) from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"{_words(argv)}: no end after {seconds:.0f} s") from error


def absent(tool: str | Path) -> HostError:
    """Return the error for a tool that this machine lacks, with the package that has it."""
    return HostError(f"{tool}: not found: apt-get install {PACKAGES.get(str(tool), tool)}")


def _words(argv: Sequence[str | Path]) -> str:
    return " ".join(str(word) for word in argv[:6])


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
