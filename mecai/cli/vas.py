"""`mecai vas`: what an operator does beside the server, which is `gunicorn 'mecai.vas.http.app:create_app()'`."""

from pathlib import Path

import click

from mecai.cli.arguments import config_option
from mecai.vas.config import read_config
from mecai.vas.storage.database import migrate as migrate_database
from mecai.vas.storage.database import open_database

_with_config = config_option("/etc/mecai/vas.toml", "The server's configuration.")


@click.group()
def command() -> None:
    """Run a Voucher Authority Server."""


@command.command()
@_with_config
def check(config_path: Path) -> None:
    """Check the configuration, key by key; opens nothing that it names."""
    config = read_config(config_path)
    open_database(config.database)
    contexts = ", ".join(directory.context for directory in config.directories)
    hold = f"hold of {config.hold_hours} h" if config.hold_hours else "no hold"
    click.echo(f"{config_path}: good; contexts {contexts}; vouchers of {config.lifetime_hours} h; {hold}")


@command.command()
@_with_config
def migrate(config_path: Path) -> None:
    """Bring the database's schema up to date; may be run again."""
    engine = open_database(read_config(config_path).database)
    migrate_database(engine)
    engine.dispose()
    click.echo(f"{engine.url.render_as_string(hide_password=True)}: schema is up to date")
