"""The service: when it wakes, what wakes it, and what it survives."""

import signal
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from mecai.errors import InputError
from mecai.sidecar import daemon
from mecai.sidecar.signals import Signals
from mecai.sidecar.store import StapleStore
from tests.unit.sidecar.conftest import Side


class Enough(Exception):
    """Ends a service that runs for ever."""


class Sleeper:
    """Wakes at once, each time as it is told, and at last never again; remembers how long it would have slept."""

    def __init__(self, *wakes: bool) -> None:
        self._wakes = iter(wakes)
        self.slept: list[float] = []
        self.watched: set[Path] = set()

    def __call__(self, seconds: float) -> bool:
        """Sleep."""
        self.slept.append(seconds)
        for wake in self._wakes:
            return wake
        raise Enough

    def wanted(self) -> bool:
        """Let every round be finished."""
        return False

    def watch(self, folders: Collection[Path]) -> None:
        """Remember what would wake it."""
        self.watched = set(folders)


@pytest.fixture
def path(side: Side, tmp_path: Path) -> Path:
    """Write the configuration of the sidecar into a file."""
    path = tmp_path / "sidecar.toml"
    lines = [f'{key} = "{getattr(side.config, key)}"' for key in ("directory", "publishers", "state")]
    chain = side.config.certificates[0].chain
    lines.append('allowed_networks = ["198.18.0.0/15", "2001:db8::/32"]')
    entry = f'[[certificate]]\nchain = "{chain}"\naddresses = ["198.18.0.10", "2001:db8::10"]\n'
    path.write_text("\n".join((*lines, entry)))
    return path


def serve(side: Side, path: Path, sleeper: Sleeper) -> None:
    with pytest.raises(Enough):
        daemon.run(path, side.environment, sleeper)


def test_it_wakes_every_two_minutes_and_asks_only_what_is_due(side: Side, path: Path) -> None:
    sleeper = Sleeper(False, False)
    serve(side, path, sleeper)
    assert (sleeper.slept, len(side.asked)) == ([120, 120, 120], 3)


def test_a_hangup_fetches_everything_by_the_new_configuration(side: Side, path: Path) -> None:
    serve(side, path, Sleeper(True))
    assert len(side.asked) == 6


def test_a_configuration_that_cannot_be_read_is_not_taken_over(
    side: Side, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sleeper = Sleeper(True)
    answer = side.answers["https://vas.birch.test"]

    def spoil() -> bytes:
        path.write_text("nonsense")
        assert isinstance(answer, bytes)
        return answer

    side.answer(side.scene.birch, spoil)
    serve(side, path, sleeper)
    assert "configuration not taken over" in caplog.text
    assert len(side.asked) == 6


def test_a_first_configuration_that_cannot_be_read_ends_it(side: Side, path: Path) -> None:
    path.write_text("nonsense")
    with pytest.raises(InputError, match="is not TOML"):
        daemon.run(path, side.environment, Sleeper())


def test_a_directory_that_cannot_be_read_is_waited_for(
    side: Side, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = side.config.directory.read_bytes()
    side.config.directory.unlink()

    class Restoring(Sleeper):
        def __call__(self, seconds: float) -> bool:
            side.config.directory.write_bytes(content)
            return super().__call__(seconds)

    serve(side, path, Restoring(False))
    assert "nothing can be fetched" in caplog.text
    assert len(side.asked) == 3


def test_a_fault_of_its_own_is_logged_and_survived(
    side: Side, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(StapleStore, "survey", fail)
    sleeper = Sleeper(False)
    serve(side, path, sleeper)
    assert sleeper.slept == [120, 120]
    assert "the round was not finished" in caplog.text
    assert (side.config.private / "schedule.json").exists()


def test_what_cannot_be_watched_is_seen_by_the_next_look(
    side: Side, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(daemon, "folders_of", fail)
    serve(side, path, Sleeper(False))
    assert "changes are not noticed at once" in caplog.text
    assert len(side.asked) == 3


def test_a_hangup_is_not_lost_while_nobody_waits() -> None:
    former = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        wait = Signals()
        assert not wait.wanted()
        signal.pthread_kill(threading.get_ident(), signal.SIGHUP)  # other threads of the tests have it unblocked
        assert wait.wanted()
        assert wait(0)
        assert not wait.wanted()
        assert not wait(0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def test_the_store_is_looked_through_every_five_minutes_or_when_something_else_is_wanted(
    side: Side, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    survey = StapleStore.survey

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return survey(*arguments)

    monkeypatch.setattr(StapleStore, "survey", counted)
    renewed = side.scene.alder.server("www.example.test", days=100)
    side.responders.know(side.scene.alder, renewed)

    class Renewing(Sleeper):
        def __call__(self, seconds: float) -> bool:
            if len(self.slept) == 2:
                side.show(renewed)
            return super().__call__(seconds)

    serve(side, path, Renewing(False, False, False))
    assert looks == 2
    assert side.path(side.scene.birch, renewed).parent.is_dir()
    monkeypatch.setattr(daemon, "LOOK_SECONDS", 0)
    serve(side, path, Sleeper(False, False))
    assert looks == 5
