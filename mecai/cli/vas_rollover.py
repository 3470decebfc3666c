"""`mecai vas rollover`: another key for vouchers, while those that the former one signed stay valid to their end.

A voucher brings its VA's certificate along, and a directory lists roots alone (docs/spec D5): nobody else has to learn
of the new key. What must not happen is that the former certificate is revoked while vouchers under it live.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import make_key, make_request
from mecai.cli.arguments import FILE, now
from mecai.cli.vas_config import with_config
from mecai.errors import InputError
from mecai.protocol.pki.names import dns_names
from mecai.service import durable
from mecai.service.pem import key_pem, load_certificates
from mecai.vas.config import read_config
from mecai.vas.issuance.signer import VoucherSigner, load_signer
from mecai.vas.signing.config import read_signer_config

Command = Callable[..., None]


@dataclass(frozen=True)
class Files:
    """The files of a key that may be changed, as its holder's settings name them, and how long vouchers live."""

    key: Path
    certificate: Path
    root: Path
    lifetime: timedelta

    @property
    def next_key(self) -> Path:
        """Where the next key lies."""
        return self.key.with_suffix(".next.pem")

    @property
    def next_request(self) -> Path:
        """Where its signing request lies."""
        return self.key.with_suffix(".next.csr")


def _with_files(command: Command) -> Command:
    """Give a verb the settings of whoever has the key: the signer, or the server itself."""
    named = click.option(
        "--signer",
        "signer_path",
        type=FILE,
        help="The signer's settings (vas-signer.toml), instead, where it has the key.",
    )
    return with_config(named(command))


@click.group()
def rollover() -> None:
    """Change the key that signs vouchers: begin, let the CA certify the next key, finish."""


@rollover.command()
@_with_files
def begin(config_path: Path, signer_path: Path | None) -> None:
    """Make the next key, and a signing request for it, beside the present one, with which the server goes on."""
    files = _files(config_path, signer_path)
    durable.require_absent(files.next_key)
    present = load_certificates(files.certificate)[0]
    key = make_key()
    signed = make_request(key, _common_name(present), dns_names(present)).public_bytes(Encoding.PEM)
    # The key comes last: where there is a key, there is its request, also after a crash.
    durable.replace(files.next_request, signed, durable.PUBLIC)
    durable.create(files.next_key, key_pem(key), durable.SECRET)
    made = f"created {files.next_key} and {files.next_request}"
    click.echo(f"{made}; at the CA: mecai ca issue --profile va --csr FILE --out FILE")


@rollover.command()
@_with_files
@click.option("--certificate", "path", type=FILE, required=True, help="What the CA issued for the next key (PEM).")
def finish(config_path: Path, signer_path: Path | None, path: Path) -> None:
    """Put the next key and its certificate in place of the present ones, if every client would take them.

    The former key is gone then. May be run again where it was interrupted.
    """
    files = _files(config_path, signer_path)
    former = load_certificates(files.certificate)[0]
    signer = load_signer(files.next_key if files.next_key.exists() else files.key, path, files.root)
    signer.require_valid(now())
    if signer.certificate == former and not files.next_key.exists():
        raise InputError(f"--certificate: {path} is in place already; `mecai vas rollover begin` makes another key")
    _put_in_place(files, signer)
    files.next_request.unlink(missing_ok=True)
    click.echo(f"{files.certificate}: {_serial(signer.certificate)}, until {signer.certificate.not_valid_after_utc}")
    click.echo("now: systemctl reload mecai-vas")
    if signer.certificate != former:
        end = min(now() + files.lifetime, former.not_valid_after_utc)
        click.echo(f"vouchers under {_serial(former)} live until {end} at most: do not have it revoked before")


def _files(config_path: Path, signer_path: Path | None) -> Files:
    """Read the settings of whoever has the key; raises `HostError` or `InputError`."""
    if signer_path is not None:
        config = read_signer_config(signer_path)
        return Files(config.key, config.certificate, config.root, config.lifetime)
    server = read_config(config_path)
    if server.key is None:
        raise InputError(
            f"{config_path}: the signer has the key: as its user, with --signer /etc/mecai/vas-signer.toml"
        )
    return Files(server.key, server.certificate, server.root, server.lifetime)


def _put_in_place(files: Files, signer: VoucherSigner) -> None:
    """Replace the certificate, then the key: in between, a second `finish` finds the next key still there."""
    durable.replace(files.certificate, signer.certificate.public_bytes(Encoding.PEM), durable.PUBLIC)
    if files.next_key.exists():
        with durable.host_errors(files.key, "replaced"):
            files.next_key.replace(files.key)
            durable.sync_directory(files.key.parent)


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else "VA"


def _serial(certificate: x509.Certificate) -> str:
    return f"certificate {certificate.serial_number:x}"
