"""What the verbs of `mecai vas` share: the option `--config`, and the database that it names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from mecai.cli.arguments import config_option
from mecai.vas.config import VasConfig, read_config
from mecai.vas.storage.database import open_database, require_ready

with_config: Final = config_option("/etc/mecai/vas.toml", "The server's configuration.")


@contextmanager
def opened(path: Path) -> Iterator[tuple[VasConfig, Engine]]:
    """Read the configuration and open its database, until the end; `HostError` (also: old schema), `InputError`."""
    config = read_config(path)
    engine = open_database(config.database)
    try:
        require_ready(engine)
        yield config, engine
    finally:
        engine.dispose()
