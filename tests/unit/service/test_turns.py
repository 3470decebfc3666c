"""Threads that write to an SQLite database take turns, so that none is told that it is locked."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from mecai.service import database
from mecai.service.database import open_database, reading

THREADS, WRITES = 24, 5
INSERT = text("INSERT INTO written VALUES (1)")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give a database whose driver waits for nobody: it says at once that it is locked."""
    engine = open_database(f"sqlite:///{tmp_path}/written.sqlite", "an example")
    event.listen(engine, "connect", impatient)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE written (number INTEGER)")
    yield engine
    engine.dispose()


def impatient(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 0")


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(INSERT)


def written(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM written")).scalar_one())


def test_each_waits_until_the_one_before_has_ended(engine: Engine) -> None:
    barrier = threading.Barrier(THREADS, timeout=60)

    def work(_: int) -> None:
        barrier.wait()
        for _ in range(WRITES):
            write(engine)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    assert written(engine) == THREADS * WRITES


def test_what_fails_gives_its_turn_back(engine: Engine) -> None:
    for _ in range(2):
        with pytest.raises(OperationalError, match="no such table"), engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
        write(engine)
    assert written(engine) == 2


def test_who_only_reads_waits_for_nobody(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(INSERT)
        assert written(engine) == 0


def test_who_waits_in_vain_is_told_so_and_keeps_nobody_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.01)
    engine = open_database(f"sqlite:///{tmp_path}/written.sqlite", "an example")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE written (number INTEGER)")
        with ThreadPoolExecutor(1) as pool, pytest.raises(OperationalError, match="database is locked"):
            pool.submit(write, engine).result(60)
    write(engine)
    write(engine)
    assert written(engine) == 2
    engine.dispose()
