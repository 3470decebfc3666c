"""What a database of an earlier schema holds is still known after the step to the next."""

from alembic import command
from sqlalchemy import Engine, text

from mecai.protocol.acceptance import Newest, Record
from mecai.service.database import alembic_settings
from mecai.vas.storage.database import SCHEMA


def step(engine: Engine, way: str, revision: str) -> None:
    """Take the schema up or down to a revision."""
    settings = alembic_settings(SCHEMA)
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        getattr(command, way)(settings, revision)


def test_the_highest_sequence_of_each_context_becomes_its_record_and_back(new: Engine) -> None:
    step(new, "upgrade", "0001")
    old = {"context": "MOZ", "sequence": 7, "hash": bytes(range(32))}
    with new.begin() as connection:
        connection.execute(text("INSERT INTO directories VALUES (:context, :sequence, :hash)"), old)
    step(new, "upgrade", "0002")
    with new.begin() as connection:
        ((context, record),) = connection.execute(text("SELECT context, record FROM directories")).all()
    assert context == "MOZ"
    assert Record.decode(record) == Record(newest={"MOZ": Newest(7, old["hash"])})
    step(new, "downgrade", "0001")
    with new.begin() as connection:
        assert connection.execute(text("SELECT * FROM directories")).all() == [tuple(old.values())]
