"""`mecai perspective`: an agent that probes for a Voucher Authority from another network."""

import os
import ssl
from pathlib import Path

import click

from mecai.cli.arguments import config_option
from mecai.errors import HostError
from mecai.net.revocations import Revocations
from mecai.perspective.config import PerspectiveConfig
from mecai.perspective.serve import VARIABLE
from mecai.perspective.serve import command as server
from mecai.service.pem import load_certificates, load_key
from mecai.service.settings import read_settings
from mecai.tls import UnsupportedRuntimeError, bound_certificates

with_config = config_option("/etc/mecai/perspective.toml", "The agent's configuration.")


@click.group()
def command() -> None:
    """Probe for a Voucher Authority from another network (docs/spec P5)."""


@command.command()
@with_config
def serve(config_path: Path) -> None:
    """Serve until ended; asks for a certificate of the VA's private CA, and answers nobody else."""
    config = read_settings(config_path, PerspectiveConfig)
    for path in (config.certificate, config.roots):
        load_certificates(path)
    load_key(config.key)
    if config.crl is not None:
        Revocations.read(config.crl)
    try:
        bound_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), 1)
    except UnsupportedRuntimeError as error:
        raise HostError(str(error)) from error
    words = server(config)
    os.execve(words[0], words, os.environ | {VARIABLE: str(config_path)})  # noqa: S606 - this very Python
