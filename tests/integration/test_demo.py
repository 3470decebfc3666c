"""`mecai demo` out of the wheel, in an environment of its own, as a user without any privilege."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.installed import SECONDS, Environment, build_wheel

NOBODY = 65534
WHO: dict[str, Any] = {} if os.geteuid() else {"user": NOBODY, "group": NOBODY, "extra_groups": []}


_ITSELF = "import ssl, subprocess, sys; subprocess.run([sys.executable, '-V'], check=True)"


def python_of_everybody() -> str:
    """Return a Python like this one that the user may run: root's own lies where nobody else may go."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        with suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([python, "-c", _ITSELF], check=True, capture_output=True, cwd="/", **WHO)
            return python
    pytest.fail(f"no Python 3.{sys.version_info.minor} that an unprivileged user may run; install Debian's python3")


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    """Install `mecai[demo]` where everybody may go."""
    with tempfile.TemporaryDirectory(prefix="mecai-demo-test-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        (home / "wheel").mkdir()
        wheel = build_wheel(home / "wheel")
        yield Environment(home / "venv", wheel, "demo", python=python_of_everybody(), copied=True)


class Demo:
    """A run, and how to do what it says one may try."""

    def __init__(self, environment: Environment, *options: str) -> None:
        self._facts = {"PATH": f"{environment.bin}:/usr/bin:/bin", "HOME": "/nonexistent"}
        self.said = ""
        # As on a terminal: what a shell runs beside itself ignores the signal, and so would all that it starts.
        command = ["/usr/bin/env", "--default-signal=INT", str(environment.bin / "mecai"), "demo", *options]
        self.program = subprocess.Popen(
            command, env=self._facts, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **WHO
        )

    def listen(self, until: str = "") -> str:
        """Read what it says, up to a line that begins so, or to its end."""
        assert self.program.stdout
        for line in self.program.stdout:
            self.said += line
            if until and line.startswith(until):
                return self.said
        self.program.stdout.close()
        return self.said

    @property
    def folder(self) -> str:
        """Where it made everything."""
        return self.said.partition(": made")[0]

    def processes(self) -> set[int]:
        """Return who knows of the folder: all that it started, and not this test."""
        return {int(found.name) for found in Path("/proc").glob("[0-9]*") if self._knows(found)}

    def _knows(self, process: Path) -> bool:
        try:
            return any(self.folder.encode() in (process / name).read_bytes() for name in ("environ", "cmdline"))
        except OSError:
            return False

    def command(self, *words: str) -> str:
        """Return the first line that one may try and that has these words."""
        lines = [line.strip() for line in self.said.splitlines() if line.startswith("  ")]
        return next(line for line in lines if all(word in line for word in words))

    def attempt(self, command: str) -> tuple[int, str]:
        """Type a command, as the same user; returns exit code and output."""
        facts = {"env": self._facts, "cwd": "/", "text": True, "timeout": SECONDS, **WHO}
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, **facts)
        return done.returncode, done.stdout + done.stderr


@contextmanager
def running(environment: Environment) -> Iterator[Demo]:
    demo = Demo(environment, "--keep")
    try:
        demo.listen("Logs:")
        assert demo.program.poll() is None, demo.said
        yield demo
    finally:
        demo.program.kill()
        demo.program.wait()
        assert demo.program.stdout
        demo.program.stdout.close()
        shutil.rmtree(demo.folder, ignore_errors=True)  # where it was killed


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end


def test_a_first_minute(environment: Environment, record_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    demo = Demo(environment)
    said = demo.listen()
    assert demo.program.wait(SECONDS) == 0, said
    record_property("seconds", time.monotonic() - began)
    outcomes = ["accepted", "the attacker's page", "no voucher", "refused"]
    assert re.findall(r"^as expected: (.*)$", said, re.MULTILINE) == outcomes
    assert "NOT" not in said
    assert "No setting of a real one does that." in said
    assert said.count("certificate-mismatch") == 2
    assert re.search(r"^\d+\.\d s in all$", said, re.MULTILINE)
    assert not demo.processes()
    assert not Path(demo.folder).exists()


def test_what_is_printed_can_be_tried(environment: Environment) -> None:
    with running(environment) as demo:
        site, false = (
            match[0] for match in re.findall(r"^(https://localhost:\d+/)  (accepted|refused)$", demo.said, re.MULTILINE)
        )
        expected: dict[tuple[str, ...], tuple[int, str]] = {
            ("client get", site): (0, "This is the real one."),
            ("client get", false): (1, "no-voucher"),
            ("client get", "--mode warn", false): (0, "This page comes from the attacker."),
            ("curl", false): (0, "This page comes from the attacker."),
            ("openssl",): (0, "OCSP Response Status: successful"),
            ("sidecar status",): (0, "good"),
            ("voucher view",): (0, "probedPort"),
            ("directory view",): (0, "dev-cedar"),
            ("vas log",): (0, "vouch"),
            ("ca list",): (0, "localhost"),
        }
        for words, (code, part) in expected.items():
            found, output = demo.attempt(demo.command(*words))
            assert (found, part in output) == (code, True), f"{words}: {found}: {output}"
        demo.attempt(demo.command("mv "))
        wait_until(lambda: demo.attempt(demo.command("client get", site))[0] == 1)
        demo.program.send_signal(signal.SIGINT)
        demo.listen("ended")
        demo.program.send_signal(signal.SIGINT)  # once more, while all is being put away
        assert demo.program.wait(SECONDS) == 0
        assert demo.listen().rstrip().endswith("ended")
        assert not demo.processes()
        assert not Path(demo.folder).exists()


def test_all_end_with_it_if_it_is_killed(environment: Environment) -> None:
    with running(environment) as demo:
        assert len(demo.processes()) >= 9  # master and worker of four gunicorns, and the sidecar
        demo.program.kill()
        wait_until(lambda: not demo.processes())
