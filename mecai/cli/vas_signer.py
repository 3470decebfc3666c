"""`mecai vas signer`: the process that has the VA's key, and nothing else."""

import os
import sys
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import config_option
from mecai.vas.signing.config import read_signer_config

_SIGNER: Final = "mecai.vas.signing"  # a program of its own: what this one has loaded is no use to it

with_config: Final = config_option("/etc/mecai/vas-signer.toml", "The signer's configuration.")


@click.command()
@with_config
def signer(config_path: Path) -> None:
    """Sign for the server on this host, until ended: it has the VA's key, and the server has not.

    The socket comes from systemd, or is opened where the configuration says.
    """
    read_signer_config(config_path)
    words = [sys.executable, "-m", _SIGNER, str(config_path)]
    os.execv(words[0], words)  # noqa: S606 - this very Python
