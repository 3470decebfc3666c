"""One file and many who use it: threads of one process take turns as processes do, and nobody waits for ever."""

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mecai.client.private_file import PrivateFile
from mecai.errors import HostError
from mecai.service.background import in_background
from tests.patience import SECONDS

SOON = 0.05


def make(path: Path) -> PrivateFile:
    return PrivateFile(path, 0x4D454354, 1, ["CREATE TABLE word (word TEXT) STRICT"], "test's file", "no matter")


def say(file: sqlite3.Connection) -> bool:
    file.execute("INSERT INTO word VALUES ('word')")
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make(tmp_path / "words.sqlite3").strictly(say, SECONDS)
    return tmp_path / "words.sqlite3"


@pytest.fixture
def held(path: Path) -> Iterator[Callable[[], None]]:
    """Have another thread in the middle of a change, by what it made for itself; return what ends that."""
    begun, go = threading.Event(), threading.Event()

    def work(file: sqlite3.Connection) -> bool:
        begun.set()
        return say(file) and go.wait(SECONDS)

    changing = in_background(lambda: make(path).strictly(work, SECONDS))

    def end() -> None:
        go.set()
        assert changing.result(SECONDS)

    assert begun.wait(SECONDS)
    yield end
    end()


def test_whoever_has_patience_waits_no_longer_for_a_thread(path: Path, held: Callable[[], None]) -> None:
    with pytest.raises(HostError, match="another thread holds it"):
        make(path).strictly(say, SOON)
    assert make(path).using(say, False, SOON) is False
    held()
    assert make(path).using(say, False, SOON) is True


def test_whoever_may_lay_a_link_there_has_no_other_file_used(path: Path) -> None:
    link = path.with_name("link.sqlite3")
    link.symlink_to(path)
    with pytest.raises(HostError, match="is not used"):
        make(link).strictly(say, SECONDS)
    assert make(path).strictly(lambda file: file.execute("SELECT count(*) FROM word").fetchone(), SECONDS) == (1,)


def test_another_thread_does_not_give_up_the_lock(path: Path, held: Callable[[], None]) -> None:
    """POSIX: whoever closes a descriptor of a file gives up what his process has locked there."""
    make(path.parent / "." / path.name).using(say, False, SOON)
    other = textwrap.dedent(f"""
        import sqlite3
        sqlite3.connect({str(path)!r}, timeout=0).execute("BEGIN IMMEDIATE")
    """)
    tried = subprocess.run([sys.executable, "-c", other], stderr=subprocess.PIPE, text=True, check=False)
    assert "database is locked" in tried.stderr
    held()


def test_a_fork_waits_until_nobody_changes_it_and_both_go_on(path: Path) -> None:
    program = textwrap.dedent("""
        import os, sys, threading
        from pathlib import Path
        from tests.unit.client.test_private_file import make, say
        file, begun, go = make(Path(sys.argv[1])), threading.Event(), threading.Event()

        def work(opened):
            begun.set()
            say(opened)
            return go.wait(60)

        threading.Thread(target=lambda: file.strictly(work, 60)).start()
        begun.wait()
        os.register_at_fork(before=go.set)  # runs before those that were registered earlier
        child = os.fork()
        done = file.using(say, False, 5)
        if child == 0:
            os._exit(0 if done else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or not done)
    """)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    subprocess.run([sys.executable, "-c", program, str(path)], env=environment, check=True, timeout=SECONDS)
    assert make(path).strictly(lambda file: file.execute("SELECT count(*) FROM word").fetchone(), SECONDS) == (4,)
