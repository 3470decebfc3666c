"""Nodes of two releases on one database: what a later release has widened goes on serving this one (ADR 0039)."""

import shutil
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from mecai.ca.storage.database import SCHEMA as REGISTER
from mecai.errors import HostError
from mecai.service import schema as schemas
from mecai.service.migration import alembic_settings, upgrade
from mecai.service.schema import Schema
from mecai.vas.storage.database import SCHEMA, migrate, require_ready
from tests.unit.vas.outside import Make

STEP = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
{oldest}

def upgrade():
    {step}
"""
WIDER, NARROWER = "9001", "9002"
WIDEN = 'op.add_column("certificates", sa.Column("next", sa.Text)); op.create_table("next", sa.Column("id", sa.Text))'
NARROW = 'op.drop_table("next")'


@pytest.fixture
def later(tmp_path: Path) -> Schema:
    """Give the schema of the release after the next: one step that only adds, and one that takes away."""
    package, _, folder = SCHEMA.steps.partition(":")
    with as_file(files(package) / folder) as steps:
        shutil.copytree(steps, tmp_path / "steps", ignore=shutil.ignore_patterns("__pycache__"))
    for revision, before, oldest, step in (
        (WIDER, SCHEMA.head, f'oldest_program = "{SCHEMA.head}"', WIDEN),
        (NARROWER, WIDER, f'oldest_program = "{WIDER}"', NARROW),
    ):
        text = STEP.format(revision=revision, before=before, oldest=oldest, step=step)
        (tmp_path / "steps" / "versions" / f"r{revision}.py").write_text(text)
    return replace(SCHEMA, steps=str(tmp_path / "steps"), head=NARROWER)


def test_a_node_goes_on_serving_while_a_later_release_has_widened_the_schema(make: Make, later: Schema) -> None:
    vas = make()
    upgrade(vas.server.engine, later, WIDER)
    assert vas.ask().status_code == 200
    assert vas.rows() == (1, 1)
    assert vas.http.get("/readyz").json == {"status": "ready"}


def test_a_node_that_starts_meanwhile_leaves_the_schema_alone(engine: Engine, later: Schema) -> None:
    """A unit migrates at each start."""
    upgrade(engine, later, WIDER)
    migrate(engine)
    require_ready(engine)
    assert "next" in {column["name"] for column in inspect(engine).get_columns("certificates")}


def test_a_schema_that_has_lost_something_is_of_no_use_to_a_node_of_before(engine: Engine, later: Schema) -> None:
    upgrade(engine, later, NARROWER)
    line = f"schema is 9002, which takes a program that knows 9001, this one knows {SCHEMA.head}; install the release"
    for refused in (migrate, require_ready):
        with pytest.raises(HostError, match=line):
            refused(engine)
    schemas.require_ready(engine, later)


def test_a_later_schema_that_says_nothing_is_of_no_use(engine: Engine, later: Schema) -> None:
    """It was made by a release that knew no other way."""
    upgrade(engine, later, WIDER)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE oldest_program")
    with pytest.raises(HostError, match="takes a program that knows 9001"):
        require_ready(engine)


def test_a_node_that_cannot_refuse_a_certificate_does_not_go_on(engine: Engine) -> None:
    """One of 0004 knows refusals of CAs alone, and would vouch for what its operator has refused elsewhere."""
    line = f"schema is {SCHEMA.head}, which takes a program that knows 0005, this one knows 0004; install the release"
    with pytest.raises(HostError, match=line):
        schemas.require_ready(engine, replace(SCHEMA, head="0004"))
    schemas.require_ready(engine, replace(SCHEMA, head="0005"))


def shape(engine: Engine) -> dict[tuple[str, str], tuple[str, bool]]:
    """Return each column's type, and whether a row may do without it."""
    found = inspect(engine)
    return {(table, column["name"]): (str(column["type"]), _may_be_left_out(column))
            for table in found.get_table_names() for column in found.get_columns(table)}  # fmt: skip


def _may_be_left_out(column: Any) -> bool:
    return bool(column["nullable"]) or column["default"] is not None


def test_a_step_that_lets_older_programs_go_on_only_adds(new: Engine) -> None:
    """What they read is still there as it was, and what they write lacks nothing."""
    for step in reversed(list(ScriptDirectory.from_config(alembic_settings(SCHEMA.steps)).walk_revisions())):
        before = shape(new)
        upgrade(new, SCHEMA, step.revision)
        after = shape(new)
        if step.module.oldest_program == step.revision:
            continue
        assert before.items() <= after.items(), step.revision
        tables = {table for table, _ in before}
        assert all(after[name][1] for name in after.keys() - before.keys() if name[0] in tables), step.revision


@pytest.mark.parametrize("schema", [SCHEMA, REGISTER])
def test_each_step_says_who_can_go_on_and_numbers_are_in_order(schema: Schema) -> None:
    steps = list(ScriptDirectory.from_config(alembic_settings(schema.steps)).walk_revisions())
    for step in steps:
        assert str(step.down_revision or "") < step.revision
        assert len(step.revision) == 4
        assert step.module.oldest_program <= step.revision
    said = [step.module.oldest_program for step in steps]
    assert said == sorted(said, reverse=True)  # what one step took away, no later one gives back
