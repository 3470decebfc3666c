"""A VAS's schema is brought up to date on a real PostgreSQL while nodes of an earlier release write (ADR 0048)."""

import itertools
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, make_url, text

from mecai.errors import HostError
from mecai.protocol.pki.identity import spki_hash
from mecai.service import migration
from mecai.service.database import one_write
from mecai.service.deadline import Deadline
from mecai.vas.storage.database import SCHEMA, migrate, open_database, require_ready
from mecai.vas.storage.tables import METADATA
from tests.integration.postgresql import postgresql
from tests.pki import Hierarchy

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # for whatever is waited for, on a machine that is busy
ROWS = 100_000  # in the largest table, a tenth in the others
LONGEST_SECONDS = 4.0  # that an older node's write takes: a step's wait for a lock, and more
LONGEST_PART = 0.5  # of the whole upgrade, which a busy machine draws out as it does the write
BETWEEN_SECONDS = 0.005  # its writes
WRITES = 50  # at least, beside an upgrade
AT_LAST = 3  # tries in vain
PROGRAM = "import sys; from mecai.vas.storage.database import *; migrate(open_database(sys.argv[1]))"
SITE = Hierarchy("alder").server("www.example.test")

# By the release: what its nodes have written, for each `i`, and go on writing.
CERTIFICATE = (
    "INSERT INTO certificates (hash, der, first_seen, expires) SELECT {}, :der, now(), now() + interval '1 day'"
)
VOUCHER = """
    INSERT INTO vouchers (serial_number, certificate_hash, this_update, requester, der)
    SELECT {}, sha256('of a certificate'), now(), '192.0.2.7', ''"""
MESSAGE = """
    INSERT INTO outbox (kind, key, topic, body, created, due, attempts)
    SELECT 'first-sight', encode({}, 'hex'), 'example.test', '{{}}', now(), now(), 0"""
WRITTEN = {"0002": (CERTIFICATE, VOUCHER), "0008": (MESSAGE,)}
SERIES = " FROM generate_series(1, :count) AS i"
LEFT = "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"  # an index that was not finished
HALF_DONE = """
    ALTER TABLE certificates ADD COLUMN issuers bytea, ADD COLUMN spki bytea, ADD COLUMN disputed timestamptz,
    ADD COLUMN released timestamptz, ADD COLUMN released_by varchar(16)"""  # as a step leaves it that was killed then
BEFORE, MEANWHILE = "decode(md5('before ' || i), 'hex')", "decode(md5('meanwhile ' || :number), 'hex')"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run a server that soon notices a client that is gone; give the URL of its database."""
    with postgresql("fsync=off", "client_connection_check_interval=100ms", "max_wal_size=4GB") as url:
        yield url


@pytest.fixture
def engine(server: str) -> Iterator[Engine]:
    """Give a database of its own, without a schema."""
    name = f"upgrade_{uuid.uuid4().hex}"
    whole = open_database(server)
    with one_write(whole) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = open_database(make_url(server).set(database=name).render_as_string())
    yield engine
    engine.dispose()
    with one_write(whole) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    whole.dispose()


def ask(engine: Engine, query: str, **values: object) -> Any:
    with one_write(engine) as connection:
        return connection.scalar(text(query), values)


def until(engine: Engine, query: str, **values: object) -> None:
    """Wait until a query says true."""
    deadline = Deadline(SECONDS)
    while not ask(engine, query, **values):
        deadline.require()
        ask(engine, "SELECT pg_sleep(0.02)")


def insert(connection: Connection, into: str, key: str, **values: object) -> None:
    known = {"der": SITE.der, **values}
    connection.execute(text(into.format(key)), {name: known[name] for name in re.findall(r":(\w+)", into + key)})


def lay(engine: Engine, release: str, count: int) -> None:
    """Make the database as nodes of a release have left it."""
    migration.upgrade(engine, SCHEMA, release)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for place, into in enumerate(WRITTEN[release]):
            insert(connection, into + SERIES, BEFORE, count=count // 10**place)


@contextmanager
def held(engine: Engine, *statements: str) -> Iterator[Connection]:
    """Leave a transaction open."""
    with engine.begin() as connection:
        for each in statements:
            connection.execute(text(each))
        yield connection


@contextmanager
def migrating(engine: Engine) -> Iterator[subprocess.Popen[bytes]]:
    """Let a node of this release bring the schema up to date; it is killed at the end, if it has not ended."""
    words = [sys.executable, "-c", PROGRAM, engine.url.render_as_string()]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def require_whole(engine: Engine) -> None:
    """See that the schema is that of this release, however it came to be."""
    require_ready(engine)
    assert ask(engine, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": migration.is_of_the_service}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


class Node:
    """One that goes on writing as a release does, each statement as its pool of connections has it."""

    def __init__(self, engine: Engine, release: str) -> None:
        self.longest = 0.0
        self.written = 0
        self._over = threading.Event()
        self._engine, self._statements = open_database(engine.url.render_as_string()), WRITTEN[release]

    def write(self) -> None:
        """Write until it is over; raises what the database refuses."""
        for number in itertools.count():
            if self._over.wait(BETWEEN_SECONDS):
                return
            for into in self._statements:
                begun = time.monotonic()
                with self._engine.begin() as connection:
                    insert(connection, into, MEANWHILE, number=str(number))
                self.longest = max(self.longest, time.monotonic() - begun)
            self.written += 1

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write meanwhile, and see that no write failed or took long."""
        begun = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(self.write)
            try:
                yield
            finally:
                self._over.set()
            writing.result(SECONDS)
        self._engine.dispose()
        assert self.longest < max(LONGEST_SECONDS, LONGEST_PART * (time.monotonic() - begun))


@pytest.mark.parametrize("release", WRITTEN)
def test_a_large_database_is_upgraded_while_older_nodes_write(engine: Engine, release: str) -> None:
    lay(engine, release, ROWS)
    node = Node(engine, release)
    with node.writing(), migrating(engine) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said.decode()
    assert node.written >= WRITES
    require_whole(engine)
    if release == "0002":
        assert (
            ask(engine, "SELECT count(*) FROM certificates WHERE spki = :key", key=spki_hash(SITE.certificate)) >= ROWS
        )


def test_what_was_killed_between_two_steps_is_refused_and_goes_on(engine: Engine) -> None:
    lay(engine, "0002", 10)
    with held(engine, "LOCK TABLE vouchers IN ROW EXCLUSIVE MODE"):
        with migrating(engine):
            until(engine, "SELECT version_num = '0006' FROM alembic_version")
        assert ask(engine, "SELECT revision FROM oldest_program") == "0005"
        with pytest.raises(HostError, match=f"schema is 0006, expected {SCHEMA.head}; run `mecai vas migrate`"):
            require_ready(engine)
    migrate(engine)
    require_whole(engine)


@pytest.mark.parametrize(
    ("before", "index"),
    [
        ("0002", "ix_certificates_spki"),
        ("0005", "ix_certificates_first_seen"),
        ("0007", "ix_vouchers_edition"),
        ("0008", "ix_outbox_about"),
    ],
)
def test_an_index_whose_build_was_killed_is_built_again(engine: Engine, before: str, index: str) -> None:
    """A build ends when all transactions have ended that may still need the table without the index."""
    migration.upgrade(engine, SCHEMA, before)
    with held(engine, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"):
        with migrating(engine):
            until(engine, LEFT, name=index)
        until(engine, "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'")
        assert ask(engine, LEFT, name=index)
    migrate(engine)
    require_whole(engine)


class Pauses:
    """Takes the place of the pauses between two tries, and does something at the last that there has to be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, what: Callable[[], None]) -> None:
        self.count, self._what = 0, what
        monkeypatch.setattr(migration, "sleep", self.pause)

    def pause(self, _seconds: float) -> None:
        """Count."""
        self.count += 1
        if self.count == AT_LAST:
            self._what()


def test_a_step_that_waits_for_a_long_reader_holds_up_no_writer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes after a statement that waits for a whole table waits behind it."""
    lay(engine, "0002", 10)
    migration.upgrade(engine, SCHEMA, "0006")
    with held(engine, "SELECT count(*) FROM vouchers") as reader:
        pauses = Pauses(monkeypatch, reader.rollback)
        with Node(engine, "0002").writing():
            migrate(engine)
    assert pauses.count >= AT_LAST
    require_whole(engine)


def test_a_lock_that_does_not_come_is_named(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "PATIENCE_SECONDS", 0)
    migration.upgrade(engine, SCHEMA, "0006")
    with held(engine, "SELECT count(*) FROM vouchers"):
        line = r"the step after 0006 did not get its lock \(canceling statement due to lock timeout\) for 0 s; end the"
        with pytest.raises(HostError, match=line):
            migrate(engine)
    migrate(engine)
    require_whole(engine)


class Twice:
    """A deadline that is over when it has been asked twice."""

    def __init__(self, _seconds: float) -> None:
        self._asked = 0

    def left(self) -> float:
        """Count."""
        self._asked += 1
        return max(0.0, 3.0 - self._asked)


def test_each_step_is_waited_for_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes before it may have taken longer than any lock is waited for."""
    migration.upgrade(engine, SCHEMA, "0003")
    monkeypatch.setattr(migration, "Deadline", Twice)
    with held(engine, "SELECT count(*) FROM directories") as first, held(engine, "SELECT FROM vouchers") as second:
        ends = iter((lambda: None, first.rollback, lambda: None, second.rollback))
        monkeypatch.setattr(migration, "sleep", lambda _: next(ends)())
        migrate(engine)
    assert next(ends, None) is None
    require_whole(engine)


def test_a_row_that_another_transaction_has_is_filled_last(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is waited for, no other row is locked: that transaction may want them."""
    lay(engine, "0002", 10)
    with engine.begin() as connection:
        connection.execute(text(HALF_DONE))
    with held(engine, "SELECT hash FROM certificates LIMIT 1 FOR UPDATE") as other:

        def go_on() -> None:
            assert other.scalar(text("SELECT count(*) FROM certificates WHERE spki IS NULL")) == 1
            other.execute(text("DELETE FROM certificates WHERE spki IS NOT NULL"))
            other.commit()

        pauses = Pauses(monkeypatch, go_on)
        migrate(engine)
    assert pauses.count >= AT_LAST
    require_whole(engine)
    assert ask(engine, "SELECT count(spki) FROM certificates") == 1


def test_one_node_migrates_and_the_other_waits(engine: Engine) -> None:
    """The one builds indexes, which wait for every transaction that has begun, maybe the other's."""
    lay(engine, "0002", 2000)
    start = threading.Barrier(2, timeout=SECONDS)

    def upgrade(node: Engine) -> None:
        start.wait()
        migrate(node)
        node.dispose()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upgrade, [open_database(engine.url.render_as_string()) for _ in range(2)]))
    require_whole(engine)


def test_a_node_that_migrates_without_end_is_named(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "PATIENCE_SECONDS", 0)
    with migration.connected(engine) as first:
        holder = first.scalar(text("SELECT pg_backend_pid()"))
        line = rf"another node has been migrating it for 0 s \(process {holder} of the server\); let it end"
        with pytest.raises(HostError, match=line):
            migrate(engine)


def test_a_node_that_waited_finds_what_a_later_release_has_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with migration.connected(engine) as first:

        def end() -> None:
            command.upgrade(migration.alembic_settings(SCHEMA.steps, first), "head")
            first.execute(text("UPDATE alembic_version SET version_num = '9001'"))
            first.commit()
            first.invalidate()

        Pauses(monkeypatch, end)
        migrate(engine)
    assert ask(engine, "SELECT version_num FROM alembic_version") == "9001"


def test_steps_beside_older_nodes_build_indexes_beside_them(engine: Engine) -> None:
    """Of tables that were there; PostgreSQL lets nobody write a table while it builds another one."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for step in reversed(
            list(ScriptDirectory.from_config(migration.alembic_settings(SCHEMA.steps)).walk_revisions())
        ):
            tables = inspect(engine).get_table_names()
            said.clear()
            migration.upgrade(engine, SCHEMA, step.revision)
            made = [found for each in said if (found := re.match(r"CREATE (?:UNIQUE )?INDEX (.*) ON (\w+)", each))]
            late = [found[1] for found in made if found[2] in tables]
            if step.module.oldest_program != step.revision:
                assert all(each.startswith("CONCURRENTLY ") for each in late), (step.revision, late)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
