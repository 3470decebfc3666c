"""`mecai key`: make a private key on the host that uses it, and a signing request for it."""

from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import make_key, make_request
from mecai.service import durable
from mecai.service.pem import key_pem


@click.group()
def command() -> None:
    """Make a key and a certificate signing request."""


@command.command()
@click.option("--key", "key_path", type=click.Path(path_type=Path), required=True, help="Private key to make (0600).")
@click.option("--csr", "csr_path", type=click.Path(path_type=Path), required=True, help="Signing request to write.")
@click.option("--name", required=True, help="Common name to ask for.")
@click.option("--dns", "names", multiple=True, help="DNS name to ask for; may be given again.")
def create(key_path: Path, csr_path: Path, name: str, names: tuple[str, ...]) -> None:
    """Make a P-256 key, readable by this user only, and a signing request.

    An existing key is never overwritten.
    """
    durable.require_absent(key_path)
    key = make_key()
    request = make_request(key, name, names).public_bytes(Encoding.PEM)
    # The key comes last: where there is a key, there is its request, also after a crash.
    durable.keep(csr_path, request, durable.PUBLIC)
    durable.create(key_path, key_pem(key), durable.SECRET)
    click.echo(f"created {key_path} (P-256, mode 0600) and {csr_path}")
