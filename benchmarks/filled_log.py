"""PostgreSQL with many certificates in the log of a VAS, to be measured: as many in each database as it is named for.

Every certificate was asked for by one requester, is for one name, and its owner was told (a message of the outbox that
is done); every second one was vouched for. What is looked up by is as it is in life: hashes at random, times over a
year. What is only carried along, DER above all, is left out, or 20 million would not fit where this is run.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, make_url, text

from mecai.service.database import one_write
from mecai.vas.storage.database import migrate, open_database
from tests.integration.postgresql import postgresql

# No WAL for what is filled in the transaction that made its file anew; nothing that begins to clean up meanwhile.
_SETTINGS: Final = (
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "shared_buffers=1GB",
    "maintenance_work_mem=512MB",
    "autovacuum=off",
)
_HASH: Final = "sha256(('certificate ' || i)::bytea)"
_SEEN: Final = "timestamptz 'now' - interval '365 days' * (i::float / :count)"
_ROWS: Final = {
    "certificates": ("hash, der, spki, first_seen, expires", f"""
        {_HASH}, '', sha256(('key ' || i)::bytea), {_SEEN}, timestamptz 'now' + interval '90 days' * random()"""),
    "requests": ("certificate_hash, requester, addresses, first, last", f"""
        {_HASH}, '192.0.2.' || i % 250, '198.51.100.' || i % 250, {_SEEN}, {_SEEN}"""),
    "names": ("certificate_hash, name", f"{_HASH}, 'host-' || i || '.example.test'"),
    "outbox": ("kind, key, body, created, attempts, outcome", f"""
        'first-sight', encode({_HASH}, 'hex'), '{{}}', {_SEEN}, 1, 'done'"""),
    "vouchers": ("serial_number, certificate_hash, this_update, requester, der", f"""
        decode(md5('voucher ' || i), 'hex'), {_HASH}, {_SEEN}, '192.0.2.' || i % 250, ''"""),
}  # fmt: skip
TABLES: Final = frozenset(_ROWS)
_EVERY: Final = {"vouchers": 2}
_CONSTRAINTS: Final = """
    SELECT
        conrelid::regclass::text AS "table", conname AS name, pg_get_constraintdef(oid) AS definition, contype AS kind
    FROM pg_constraint WHERE ARRAY[conrelid::regclass::text, confrelid::regclass::text] && CAST(:tables AS text[])
    ORDER BY contype = 'f' DESC"""
_INDEXES: Final = """
    SELECT indexname AS name, indexdef AS definition FROM pg_indexes
    WHERE tablename = ANY(:tables) AND indexname NOT IN (SELECT conname FROM pg_constraint)"""
_SIZES: Final = """
    SELECT relname AS name, pg_relation_size(oid) AS octets FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') AND pg_relation_size(oid) > 0
    ORDER BY relkind DESC, relname"""


@contextmanager
def filled_logs(sizes: Sequence[int]) -> Iterator[tuple[Engine, ...]]:
    """Fill a database for each number of certificates, and drop them all at the end."""
    with ExitStack() as stack:
        url = make_url(stack.enter_context(postgresql(*_SETTINGS)))
        yield tuple(stack.enter_context(_filled(url.render_as_string(), count)) for count in sizes)


@contextmanager
def _filled(url: str, count: int) -> Iterator[Engine]:
    server = open_database(url)
    with one_write(server) as connection:  # in no transaction
        connection.execute(text(f"CREATE DATABASE log_{count}"))
    server.dispose()
    engine = open_database(make_url(url).set(database=f"log_{count}").render_as_string())
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        _fill(connection, count)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("ANALYZE"))
    try:
        yield engine
    finally:
        engine.dispose()


def certificate_hash(number: int) -> bytes:
    """Return by what certificate `number`, from 1, is in the log."""
    return hashlib.sha256(f"certificate {number}".encode()).digest()


def sizes(engine: Engine) -> dict[str, int]:
    """Return how many octets each table and each index takes, tables first."""
    with engine.connect() as connection:
        return {row.name: row.octets for row in connection.execute(text(_SIZES))}


def _fill(connection: Connection, count: int) -> None:
    """Fill the tables while they have no index, and make the indexes then: in a tenth of the time."""
    tables = {"tables": list(_ROWS)}
    constraints = connection.execute(text(_CONSTRAINTS), tables).all()
    indexes = connection.execute(text(_INDEXES), tables).all()
    for each in constraints:
        connection.execute(text(f"ALTER TABLE {each.table} DROP CONSTRAINT {each.name}"))
    for each in indexes:
        connection.execute(text(f"DROP INDEX {each.name}"))
    for table, (columns, values) in _ROWS.items():
        connection.execute(text(f"TRUNCATE {table}"))
        numbers = f"generate_series(1, :count, {_EVERY.get(table, 1)}) AS i"
        filling = f"INSERT INTO {table} ({columns}) SELECT {values} FROM {numbers}"  # noqa: S608 - constants
        connection.execute(text(filling), {"count": count})
    for each in indexes:
        connection.execute(text(each.definition))
    for each in reversed(constraints):
        connection.execute(text(_made_again(each)))


def _made_again(constraint: Row[Any]) -> str:
    """Return how a constraint is made; keys of other tables hold for what comes, for what is there was made to fit."""
    unproved = " NOT VALID" if constraint.kind == "f" else ""
    return f"ALTER TABLE {constraint.table} ADD CONSTRAINT {constraint.name} {constraint.definition}{unproved}"
