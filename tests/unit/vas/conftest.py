"""What the tests of a VAS share: an empty database, a place for directories, and a whole VAS (`outside.py`)."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.schema import CreateSchema, DropSchema

from mecai.protocol.objects.authorities import Directory
from mecai.vas.assembly import assemble
from mecai.vas.config import ContextSource, VasConfig
from mecai.vas.http.app import make_app
from mecai.vas.issuance.lookout import Asked
from mecai.vas.storage.database import migrate, open_database
from tests.directories import PUBLISHER, signed
from tests.openapi import conforms
from tests.pki import Issued
from tests.unit.vas.outside import ALDER, BIRCH, MOZ, SITE, Make, Outside, Vas
from tests.unit.vas.post import Post

SERVER = "VAS_TEST_DATABASE"
only_sqlite = pytest.mark.skipif(SERVER in os.environ, reason="what SQLite alone does")
Publish = Callable[..., ContextSource]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """Give the URL of an empty database: SQLite, or a schema of its own in the one that `VAS_TEST_DATABASE` names."""
    if (server := os.environ.get(SERVER)) is None:
        yield f"sqlite:///{tmp_path}/vas.sqlite"
        return
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(CreateSchema(name))
    url = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(DropSchema(name, cascade=True))
    engine.dispose()


@pytest.fixture
def new(database: str) -> Iterator[Engine]:
    """Open a database that has no schema yet."""
    engine = open_database(database)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the schema in a file of SQLite, once: a copy is there in no time."""
    path = tmp_path_factory.mktemp("laid") / "vas.sqlite"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def lay(database: str, laid: Path) -> Callable[[Engine], None]:
    """Bring a database that is empty up to its schema."""

    def bring(engine: Engine) -> None:
        path = make_url(database).database
        if path and SERVER not in os.environ and not Path(path).exists():
            shutil.copyfile(laid, path)
        migrate(engine)

    return bring


@pytest.fixture
def engine(new: Engine, lay: Callable[[Engine], None]) -> Engine:
    """Give a database with its schema."""
    lay(new)
    return new


@pytest.fixture
def post(engine: Engine, tmp_path: Path) -> Post:
    """Give the worker of a VA that tells owners."""
    return Post(engine, tmp_path)


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Let a publisher write or replace the directory of a context."""

    def write(content: Directory, by: Issued = PUBLISHER) -> ContextSource:
        file = ContextSource(content.context, tmp_path / "publishers.pem", tmp_path / f"{content.context}.der")
        file.publishers.write_bytes(PUBLISHER.pem)
        replacement = file.path.with_suffix(".new")
        replacement.write_bytes(signed(content, by))
        replacement.rename(file.path)
        return file

    return write


@pytest.fixture
def make(tmp_path: Path, publish: Publish, database: str, lay: Callable[[Engine], None]) -> Iterator[Make]:
    """Make a VAS whose configuration differs from the usual one in the keys given."""
    made: list[Vas] = []

    def build(agents: Sequence[Asked] | None = None, **changes: Any) -> Vas:
        key, certificate, root = (tmp_path / name for name in ("key.pem", "certificate.pem", "root.pem"))
        key.touch(0o600)
        key.write_bytes(BIRCH.voucher.key_pem)
        certificate.write_bytes(BIRCH.voucher.pem)
        root.write_bytes(BIRCH.root.pem)
        networks = (ip_network("198.18.0.0/15"), ip_network("2001:db8::/32"))
        usual = VasConfig(
            certificate, root, database, (publish(MOZ),), key, hold=timedelta(0), allowed_networks=networks
        )
        outside = Outside()
        outside.responders.know(ALDER, SITE)
        server = assemble(
            replace(usual, **changes),
            lambda: outside.now,
            probe=outside.probe,
            fetch=outside.fetch,
            look=outside.look,
            database_time=lambda _connection: outside.now - outside.ahead,
            agents=agents,
            monotonic=outside.monotonic,
        )
        lay(server.engine)
        app = make_app(server)
        app.after_request(conforms)
        made.append(Vas(server, app.test_client(), outside))
        return made[-1]

    yield build
    for vas in made:
        vas.server.engine.dispose()


@pytest.fixture
def vas(make: Make) -> Vas:
    """Make the usual VAS."""
    return make()
