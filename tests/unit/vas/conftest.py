"""What the tests of a VAS share: an empty database, and a place for directories."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mecai.protocol.objects.authorities import Directory
from mecai.vas.config import DirectoryFile
from mecai.vas.storage.database import migrate, open_database
from tests.directories import PUBLISHER, signed
from tests.pki import Issued

Publish = Callable[..., DirectoryFile]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Engine]:
    """Open a database that has no schema yet."""
    engine = open_database(f"sqlite:///{tmp_path}/vas.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def engine(new: Engine) -> Engine:
    """Give a database with its schema."""
    migrate(new)
    return new


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Let a publisher write or replace the directory of a context."""

    def write(content: Directory, by: Issued = PUBLISHER) -> DirectoryFile:
        file = DirectoryFile(content.context, tmp_path / f"{content.context}.der", tmp_path / "publishers.pem")
        file.publishers.write_bytes(PUBLISHER.pem)
        replacement = file.path.with_suffix(".new")
        replacement.write_bytes(signed(content, by))
        replacement.rename(file.path)
        return file

    return write
