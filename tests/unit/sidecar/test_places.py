"""Where certificates come from, and what wakes the service when they change."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mecai.sidecar import places
from mecai.sidecar.config import CertificateEntry, ChainFolder
from mecai.sidecar.places import entries_of, folders_of
from mecai.sidecar.signals import Signals
from mecai.sidecar.standing import State
from tests.patience import SECONDS
from tests.unit.sidecar.conftest import Side


@pytest.fixture
def live(side: Side, tmp_path: Path) -> Path:
    """Let the sidecar have what certbot lays: links in live/NAME to files in archive/NAME."""
    (tmp_path / "archive" / "www").mkdir(parents=True)
    chain = tmp_path / "live" / "www" / "fullchain.pem"
    chain.parent.mkdir(parents=True)
    (tmp_path / "archive" / "www" / "fullchain1.pem").write_bytes(side.scene.site.chain_pem)
    chain.symlink_to("../../archive/www/fullchain1.pem")
    (chain.parent / "README").write_text("not a chain")
    place = ChainFolder(tmp_path / "live", ("198.18.0.10", "2001:db8::10"), "*/fullchain.pem")
    side.config = replace(side.config, certificates=(), chains=(place,))
    return chain


def test_every_chain_of_a_folder(side: Side, live: Path) -> None:
    side.run()
    assert {row.state for row in side.report().values()} == {State.GOOD}
    renewed = side.scene.alder.server("other.example.test")
    (live.parent.with_name("other")).mkdir()
    (live.parent.with_name("other") / live.name).write_bytes(renewed.chain_pem)
    side.responders.know(side.scene.alder, renewed)
    side.run()
    assert len(list(side.config.staples.iterdir())) == 2


def test_an_entry_of_the_settings_goes_before_the_folder(side: Side, live: Path) -> None:
    own = CertificateEntry(live, ("198.18.0.11",), 853)
    side.config = replace(side.config, certificates=(own,))
    assert entries_of(side.config) == ((own,), {})


def test_a_folder_that_is_not_there_fails_alone(side: Side, live: Path, tmp_path: Path) -> None:
    side.config = replace(side.config, chains=(ChainFolder(tmp_path / "none", ("198.18.0.9",)), *side.config.chains))
    side.run()
    assert len(side.asked) == 3
    assert "none: is no folder" in side.report()[""].detail
    assert live.parent in folders_of(side.config)


def test_a_folder_that_may_not_be_listed_fails_alone(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`glob` would find nothing there, and everything would look well."""
    closed, scandir = tmp_path / "closed", os.scandir
    closed.mkdir()

    def refuse(path: Path) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    side.config = replace(side.config, chains=(ChainFolder(closed, ("198.18.0.9",)), *side.config.chains))
    entries, faults = entries_of(side.config)
    assert len(entries) == 1
    assert "cannot be read (Permission denied)" in str(faults[closed])


def test_links_that_lead_in_a_circle_are_no_fault(side: Side, tmp_path: Path) -> None:
    (entry,) = side.config.certificates
    circle = tmp_path / "circle.pem"
    circle.symlink_to(circle)
    side.config = replace(side.config, certificates=(replace(entry, chain=circle),))
    assert tmp_path in folders_of(side.config)


def test_folders_in_a_folder_that_may_not_be_read_are_told_and_the_others_served(
    side: Side, live: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lstat = os.lstat

    def refuse(path: Path) -> os.stat_result:
        if Path(path).parent.name.startswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return lstat(path)

    for name in ("closed-a", "closed-b", "empty"):
        (live.parent.parent / name).mkdir()
    monkeypatch.setattr("os.lstat", refuse)
    side.run()
    side.run()
    assert len(list(side.config.staples.iterdir())) == 1
    said = "closed-a/fullchain.pem: cannot be read (Permission denied), nor can 1 more below"
    assert [line.count(said) for line in caplog.messages if "cannot be served" in line] == [1]
    assert said in side.report()[""].detail


def test_a_pattern_like_which_there_is_nothing_is_told(
    side: Side, live: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (place,) = side.config.chains
    side.config = replace(side.config, chains=(replace(place, pattern="*/fulchain.pem"),))
    side.run()
    side.run()
    assert [line for line in caplog.messages if "has no file like */fulchain.pem" in line] == [
        f"certificate cannot be served: {live.parent.parent}: has no file like */fulchain.pem"
    ]


@pytest.mark.parametrize("pattern", ["*/*.pem", "www/fullchain.pem", "w?w/full*", "./*/fullchain.pem", "[w]*/f*"])
def test_forms_of_patterns(side: Side, live: Path, pattern: str) -> None:
    (place,) = side.config.chains
    side.config = replace(side.config, chains=(replace(place, pattern=pattern),))
    entries, faults = entries_of(side.config)
    assert ([entry.chain for entry in entries], faults) == ([live], {})


def test_a_folder_with_too_many_chains_fails_alone(side: Side, live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST", 1)
    for name in ("b", "c"):
        (live.parent.with_name(name)).mkdir()
        (live.parent.with_name(name) / live.name).write_bytes(b"")
    entries, faults = entries_of(side.config)
    assert (entries, "more than 1 files" in str(*faults.values())) == ((), True)


def test_a_chain_that_may_be_missing(side: Side, tmp_path: Path) -> None:
    (entry,) = side.config.certificates
    later = replace(entry, chain=tmp_path / "later.pem", optional=True)
    side.config = replace(side.config, certificates=(entry, later))
    side.run()
    assert {row.state for row in side.report().values()} == {State.GOOD}
    later.chain.write_bytes(b"damaged")
    side.run()
    assert side.report()[""].state == State.UNREADABLE


def test_what_a_round_reads_is_watched(side: Side, live: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive" / "www"
    assert folders_of(side.config) == {tmp_path, tmp_path / "live", live.parent, archive}


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Give what the service waits with, in this thread; afterwards signals are as they were."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO, signal.SIGHUP])
    handlers = {each: signal.signal(each, lambda *_: None) for each in (signal.SIGIO, signal.SIGHUP)}
    made = Signals()
    yield made
    made.watch(())
    signal.sigtimedwait({signal.SIGIO}, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, former)
    for each, handler in handlers.items():
        signal.signal(each, handler)


def test_another_thread_takes_no_change_from_who_waits(signals: Signals, tmp_path: Path) -> None:
    """One that blocks no signal, as a library might have begun it, may be given whatever is for the process."""
    go, begun = threading.Event(), threading.Event()

    def idle() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])
        begun.set()
        go.wait(SECONDS)

    other = threading.Thread(target=idle)
    other.start()
    assert begun.wait(SECONDS)
    signals.watch({tmp_path})
    (tmp_path / "new").write_bytes(b"")
    wanted = signals.wanted()
    go.set()
    other.join(SECONDS)
    assert wanted


def test_a_change_in_a_folder_wakes(signals: Signals, tmp_path: Path) -> None:
    signals.watch({tmp_path, tmp_path / "none"})
    assert not signals.wanted()
    (tmp_path / "new").write_bytes(b"")
    assert signals.wanted()
    assert not signals(SECONDS)  # woken, but not by SIGHUP
    assert not signals.wanted()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("new")
    signals(SECONDS)
    (tmp_path / "new").replace(tmp_path / "link")
    assert signals.wanted()
    signals(SECONDS)
    signals.watch(())
    (tmp_path / "link").unlink()
    assert not signals.wanted()


def test_a_folder_that_was_replaced_is_watched_anew(signals: Signals, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    signals.watch({folder})
    folder.rmdir()
    signals(0)  # whether the kernel says that it went is its own affair
    signals.watch({folder})
    folder.mkdir()
    signals.watch({folder})
    (folder / "new").write_bytes(b"")
    assert signals.wanted()


def test_a_hangup_while_a_change_settles_is_not_lost(signals: Signals, tmp_path: Path) -> None:
    signals.watch({tmp_path})
    (tmp_path / "new").write_bytes(b"")
    signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
    assert signals(SECONDS) or signals(SECONDS)
