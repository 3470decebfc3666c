"""Statements that the driver runs itself: their values, their rows, and their errors."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, Table, bindparam, create_engine, select
from sqlalchemy.exc import IntegrityError, OperationalError

from mecai.service.database import UtcTime, insert_into, open_database
from mecai.service.statement import Statement

TABLE = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("octets", LargeBinary),
    Column("time", UtcTime),
)
TIME = datetime(2026, 11, 27, 23, 59, 59, tzinfo=UTC)
BY_TIME = select(TABLE.c.id.label("number"), TABLE.c.octets, TABLE.c.time).where(TABLE.c.time == bindparam("moment"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Open a database with one table."""
    engine = open_database(f"sqlite:///{tmp_path}/database", "")
    TABLE.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def insert(engine: Engine) -> Statement:
    """Give the statement that writes a row."""
    return Statement(engine, insert_into(engine, TABLE).values(_parameters()).returning(TABLE.c.id))


def _parameters() -> dict[str, object]:
    return {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in TABLE.c}


def row(number: int, time: datetime = TIME) -> dict[str, object]:
    return {"new_id": number, "new_octets": b"\x00\xff", "new_time": time}


def test_what_is_written_is_kept_and_read_as_sqlalchemy_would(engine: Engine, insert: Statement) -> None:
    assert insert.first(row(7, TIME.replace(microsecond=999_999))).id == 7
    other = create_engine(engine.url)
    with other.connect() as connection:
        assert connection.execute(select(TABLE)).one() == (7, b"\x00\xff", TIME)
    other.dispose()
    found = Statement(engine, BY_TIME).first({"moment": TIME})
    assert (found.number, found.octets, found.time) == (7, b"\x00\xff", TIME)
    assert found.time.tzinfo is not None


def test_all_rows_or_none(engine: Engine, insert: Statement) -> None:
    asked = Statement(engine, BY_TIME.order_by(TABLE.c.id))
    assert asked.first({"moment": TIME}) is None
    for number in (2, 1):
        insert.first(row(number))
    insert.first(row(3, TIME + timedelta(seconds=1)))
    assert [each.number for each in asked.all({"moment": TIME})] == [1, 2]
    assert asked.first({"moment": TIME}).number == 1


def test_a_value_that_is_missing_is_no_null(insert: Statement) -> None:
    with pytest.raises(KeyError, match="new_time"):
        insert.first({"new_id": 1, "new_octets": b""})


def test_an_error_of_the_driver_is_sqlalchemys_and_says_no_value(engine: Engine, insert: Statement) -> None:
    insert.first(row(7))
    with pytest.raises(IntegrityError, match="UNIQUE") as failed:
        insert.first(row(7))
    assert "255" not in str(failed.value)
    TABLE.drop(engine)
    with pytest.raises(OperationalError, match="no such table"):
        insert.first(row(8))


def test_a_server_that_cannot_be_reached_is_an_error_of_sqlalchemys_too(tmp_path: Path) -> None:
    away = open_database(f"postgresql+psycopg://nobody@/none?host={tmp_path}", "")
    with pytest.raises(OperationalError, match="No such file"):
        Statement(away, BY_TIME).first({"moment": TIME})


def test_a_connection_is_given_back_whatever_came_of_it(engine: Engine, insert: Statement) -> None:
    insert.first(row(7))
    with pytest.raises(IntegrityError) as failed:
        insert.first(row(7))
    with pytest.raises(KeyError):
        insert.first({})
    assert failed.tb  # whose frames keep what they had
    assert "Current Checked out connections: 0" in engine.pool.status()
