"""The schemas of the services: how far each leads, and that one which is up to date is left alone."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from mecai.ca.storage.database import SCHEMA as REGISTER
from mecai.errors import HostError
from mecai.service import migration
from mecai.service.schema import Schema, migrate, require_ready
from mecai.vas.storage.database import SCHEMA as LOGS


@pytest.mark.parametrize("schema", [REGISTER, LOGS])
def test_a_schema_names_the_last_of_its_steps(schema: Schema) -> None:
    steps = ScriptDirectory.from_config(migration.alembic_settings(schema.steps))
    assert steps.get_current_head() == schema.head


@pytest.mark.parametrize("schema", [REGISTER, LOGS])
def test_a_database_that_is_up_to_date_is_not_migrated(
    schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/database")
    with pytest.raises(HostError, match=f"schema is empty, expected {schema.head}; run `{schema.remedy}`"):
        require_ready(engine, schema)
    assert migrate(engine, schema)
    require_ready(engine, schema)
    monkeypatch.delattr(migration, "upgrade")
    assert not migrate(engine, schema)
    engine.dispose()
