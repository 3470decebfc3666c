"""Headless Chromium, driven by its DevTools protocol over two pipes (`--remote-debugging-pipe`).

A message is JSON and ends in a zero octet; the browser reads descriptor 3 and writes descriptor 4. So no port listens,
and no library for WebSockets is needed.
"""

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.patience import SECONDS

_BEYOND: Final = 10  # the first descriptor that is none of the browser's
_FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--enable-unsafe-extension-debugging",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
    "--force-color-profile=srgb", "--lang=en",
)  # fmt: skip


class Browser:
    """A running browser; `call` speaks to it, or to one of its targets by the session's id."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._heard, self._last, self._events = b"", 0, deque[dict[str, Any]]()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Return what a method answers."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        os.write(self._writing, json.dumps({**message, **({"sessionId": session} if session else {})}).encode() + b"\0")
        answer = self._next(lambda each: each.get("id") == self._last)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def attach(self, target: str) -> "Tab":
        """Return what speaks to a target."""
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Tab(self, session)

    def tab(self) -> "Tab":
        """Open a tab."""
        opened = self.attach(self.call("Target.createTarget", url="about:blank")["targetId"])
        opened.call("Page.enable")
        opened.call("Page.setLifecycleEventsEnabled", enabled=True)
        return opened

    def event(self, method: str, session: str | None = None, **members: Any) -> dict[str, Any]:
        """Return the parameters of the next event of a kind that has some members; those before it are forgotten."""

        def fits(each: dict[str, Any]) -> bool:
            is_of_kind = each.get("method") == method and each.get("sessionId") == session
            return is_of_kind and members.items() <= each["params"].items()

        while self._events:
            found = self._events.popleft()
            if fits(found):
                return dict(found["params"])
        return dict(self._next(fits)["params"])

    def _next(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while True:
            while b"\0" not in self._heard:
                readable, _, _ = select.select([self._reading], [], [], max(0.0, end - time.monotonic()))
                assert readable, "the browser says nothing"
                octets = os.read(self._reading, 1 << 20)
                assert octets, "the browser has ended"
                self._heard += octets
            line, _, self._heard = self._heard.partition(b"\0")
            message: dict[str, Any] = json.loads(line)
            if fits(message):
                return message
            if "method" in message:
                self._events.append(message)


@dataclass(frozen=True)
class Tab:
    """A page of the browser."""

    browser: Browser
    session: str

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return what a method answers for this page."""
        return self.browser.call(method, self.session, **parameters)

    def open(self, address: str) -> str:
        """Go to an address; returns the text that a person reads there."""
        going = self.call("Page.navigate", url=address)
        assert "errorText" not in going, going["errorText"]
        self.browser.event("Page.lifecycleEvent", self.session, name="load", loaderId=going["loaderId"])
        return self.evaluate("document.body.innerText")

    def evaluate(self, expression: str) -> str:
        """Return what a script says; as if a person had clicked."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        result = self.call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in result, result
        return str(result["result"].get("value"))

    def picture(self, width: int = 0, height: int = 0) -> bytes:
        """Return a PNG of the page, or of its top at seven tenths of its size."""
        part = {"x": 0, "y": 0, "width": width, "height": height, "scale": 0.7}
        taken = self.call("Page.captureScreenshot", format="png", **({"clip": part} if width else {}))
        return base64.b64decode(taken["data"])


@contextmanager
def chromium(home: Path, *flags: str) -> Iterator[Browser]:
    """Run the browser with a home of its own."""
    (there, writing), (reading, back) = os.pipe(), os.pipe()
    high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _BEYOND) for each in (there, back)]
    command = ["chromium", *_FLAGS, f"--user-data-dir={home}/profile", *flags, "about:blank"]
    # A shell puts the pipes where the browser looks for them.
    wired = ["bash", "-c", f'exec 3<&{high[0]} 4>&{high[1]}; exec "$@"', "bash", *command]
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    with (home / "browser.log").open("wb") as log:
        running = subprocess.Popen(
            wired, pass_fds=high, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    for each in (there, back, *high):
        os.close(each)
    try:
        yield Browser(reading, writing)
    finally:
        os.close(writing)  # the browser ends when nobody speaks to it any more
        try:
            running.wait(SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        os.close(reading)
