"""Firefox without a window, led by its own protocol (Marionette): a line of JSON after its length, one at a time."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.patience import SECONDS

# What allows system access lets it go to an extension's own pages.
_COMMAND: Final = (
    "firefox-esr",
    "--headless",
    "--marionette",
    "--remote-allow-system-access",
    "--no-remote",
    "--profile",
)
_PORT: Final = "MarionetteActivePort"  # the file in the profile that says where it listens


class Firefox:
    """A session, in one window after another."""

    def __init__(self, line: socket.socket) -> None:
        self._heard, self._line, self._asked = line.makefile("rb"), line, 0
        self._hear()  # who it is
        self.call("WebDriver:NewSession", capabilities={})

    def call(self, method: str, **parameters: Any) -> Any:
        """Return what a method answers."""
        self._asked += 1
        said = json.dumps([0, self._asked, method, parameters]).encode()
        self._line.sendall(b"%d:%s" % (len(said), said))
        _, _, error, result = self._hear()
        assert error is None, error
        return result

    def _hear(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            octet = self._heard.read(1)
            assert octet, "the browser has ended"
            size += octet
        return json.loads(self._heard.read(int(size[:-1])))

    def tab(self) -> str:
        """Open another tab and go on there; returns its name."""
        opened: str = self.call("WebDriver:NewWindow", type="tab")["handle"]
        self.go_on(opened)
        return opened

    def go_on(self, tab: str) -> None:
        """Go on in a tab."""
        self.call("WebDriver:SwitchToWindow", handle=tab)

    def open(self, address: str) -> str:
        """Go to an address; returns the text that a person reads there."""
        self.call("WebDriver:Navigate", url=address)
        return self.evaluate("document.body.innerText")

    def evaluate(self, expression: str) -> str:
        """Return what a script of the page says."""
        script = f"Promise.resolve({expression}).then(arguments[0], (error) => arguments[0](`${{error}}`))"
        result = self.call("WebDriver:ExecuteAsyncScript", script=script, args=[], sandbox=None)
        return str(result["value"])


@contextmanager
def firefox(profile: Path, settings: Mapping[str, object]) -> Iterator[Firefox]:
    """Run the browser with a profile, and settings besides its own."""
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items())
    (profile / "user.js").write_text("".join(['user_pref("marionette.port", 0);\n', *lines]))
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen([*_COMMAND, str(profile)], env=os.environ | {"HOME": str(profile)}, **streams)  # type: ignore[call-overload]  # mixed
    try:
        with socket.create_connection(("127.0.0.1", _port(profile / _PORT)), SECONDS) as line:
            yield Firefox(line)
    finally:
        running.terminate()
        try:
            running.wait(SECONDS)
        finally:
            running.kill()


def _port(file: Path) -> int:
    """Wait until it says where it listens."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if file.exists() and (text := file.read_text()):
            return int(text)
        time.sleep(0.05)  # between two looks, up to the deadline: a browser says to nobody that it listens
    raise AssertionError("the browser does not listen")
