"""A tool's failure is never overlooked: not its exit code, not its absence, not that it does not end."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mecai.errors import HostError
from testbed.machine import tools


@pytest.mark.parametrize("call", [tools.run, tools.become])
def test_a_missing_tool_is_named_with_its_package(
    call: Callable[[list[str]], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(HostError, match=r"^nsenter: not found: apt-get install util-linux$"):
        call(["nsenter", "-t", "1"])


def test_a_long_tool_is_logged_and_heard_line_by_line(tmp_path: Path) -> None:
    heard: list[str] = []
    script = "import os; print('one'); print(os.environ['WORD'])"

    tools.run_logged(
        [sys.executable, "-c", script], tmp_path / "logs" / "log",
        seconds=30, environment={"WORD": "two"}, on_line=heard.append,
    )  # fmt: skip

    assert heard == ["one\n", "two\n"]
    assert (tmp_path / "logs" / "log").read_text() == "one\ntwo\n"


def test_a_long_tool_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"^sh: exit code 3: no room$"):
        tools.run_logged(["sh", "-c", "echo before; echo no room >&2; echo; exit 3"], tmp_path / "log", seconds=30)

    assert "no room" in (tmp_path / "log").read_text()


def test_a_long_tool_that_is_killed_by_a_signal_has_failed(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"^sh: exit code -9: "):
        tools.run_logged(["sh", "-c", "kill -KILL $$"], tmp_path / "log", seconds=30)


def test_a_long_tool_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"^sleep: no end after 0 s$"):
        tools.run_logged(["sleep", "600"], tmp_path / "log", seconds=0.2)


def test_a_short_tool_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(HostError, match=r"exit code 4: wrong$"):
        tools.run(["sh", "-c", "echo wrong >&2; exit 4"])
    assert tools.answer(["sh", "-c", "echo said; exit 4"]) == "said"


def test_an_interruption_ends_the_tool_and_waits_for_nothing(tmp_path: Path) -> None:
    children: list[int] = []

    def interrupt(line: str) -> None:
        children.append(int(line))
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tools.run_logged(["sh", "-c", "echo $$; exec sleep 600"], tmp_path / "log", seconds=600, on_line=interrupt)
    assert time.monotonic() - begun < 60
    assert not Path(f"/proc/{children[0]}").exists()
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
