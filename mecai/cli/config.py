"""`mecai config`: settings before a service reads them."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from mecai.cli.arguments import FILE
from mecai.service.settings import read_settings

# The dataclass that is the schema of each file in /etc/mecai; loaded only when asked for.
SHAPES: Final = {
    "ca": "mecai.ca.config:AuthorityConfig",
    "client": "mecai.client.policy:ClientPolicy",
    "ocsp": "mecai.ca.config:ResponderConfig",
    "perspective": "mecai.perspective.config:PerspectiveConfig",
    "sidecar": "mecai.sidecar.config:SidecarConfig",
    "vas": "mecai.vas.config:VasConfig",
    "vas-signer": "mecai.vas.signing.config:SignerConfig",
}


@click.group()
def command() -> None:
    """Check settings before a service reads them."""


@command.command()
@click.argument("kind", type=click.Choice(list(SHAPES)))
@click.argument("file", type=FILE)
def check(kind: str, file: Path) -> None:
    """Check FILE, key by key, as the settings of KIND; opens nothing that it names.

    KIND is the name of the file in /etc/mecai, which FILE need not have: it may be what is to replace it.
    """
    read_settings(file, shape(kind))
    click.echo(f"{file}: good, as {kind}.toml")


def shape(kind: str) -> Any:  # noqa: ANN401 - a class
    """Return the dataclass of a kind of settings."""
    module, name = SHAPES[kind].split(":")
    return getattr(import_module(module), name)
