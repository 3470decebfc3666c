"""`mecai voucher`: view, verify and request single vouchers (docs/spec, "Voucher", "Client", "Voucher Request")."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.cli.arguments import FILE, Moment, input_from, now, read, with_format
from mecai.cli.show.readings import read_twice
from mecai.cli.show.voucher import document, show, show_good, show_refused
from mecai.errors import InputError, MecaiError, VerificationError
from mecai.protocol.objects.authorities import Directory, Server
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.objects.voucher_info import PORTS
from mecai.protocol.pki.identity import address_octets
from mecai.protocol.pki.names import check_https_url
from mecai.protocol.verify.connection import Policy, Presented, verify_voucher
from mecai.service import durable
from mecai.service.pem import load_certificates
from mecai.vrp.answers import Held, RequestRefused
from mecai.vrp.ask import ask_authority


@click.group()
def command() -> None:
    """View, verify and request single vouchers."""


@command.command()
@click.argument("file", type=FILE)
@with_format
def view(file: Path, style: str) -> None:
    """Show what a voucher says, read strictly and leniently; believes nothing, checks no signature.

    Two readers that share no code: one takes what the rules allow, the other whatever can be made out, and says where
    it breaks which rule. Exit codes: 1 the strict one refuses it, 2 it is no voucher to either.
    """
    encoded = read(file)
    readings = read_twice(encoded, str(file))
    show(readings.document(style), style)
    if readings.refusal:
        raise readings.refusal


@command.command()
@click.argument("file", type=FILE)
@click.option("--chain", type=FILE, required=True, help="The server's chain (PEM), end entity first.")
@click.option("--address", required=True, help="The server's IP address, as the client sees it.")
@click.option("--directory", "directory_path", type=FILE, required=True, help="Signed directory (DER).")
@click.option("--publishers", type=FILE, required=True, help="Pinned publisher certificates (PEM).")
@click.option("--at", type=Moment(), help="Judge at this time, instead of now.")
@with_format
def verify(
    *, file: Path, chain: Path, address: str, directory_path: Path, publishers: Path, at: datetime | None, style: str
) -> None:
    """Judge a voucher by rules V1 to V11, as a client of the directory's context would that accepts every authority."""
    moment = at or now()
    presented = Presented(_read_chain(chain), address_octets(address))
    encoded, signed, pins = read(file), read(directory_path), load_certificates(publishers)
    try:
        directory = parse_directory(signed, pins, moment)
        vouched = verify_voucher(encoded, presented, directory, _accepting_all(directory), moment)
    except VerificationError as error:
        show_refused(error, style)
        raise
    show_good(vouched, file, address, style)


@command.command()
@click.option("--chain", type=FILE, required=True, help="The server's chain (PEM), end entity first, without root.")
@click.option(
    "--address", "addresses", multiple=True, required=True, help="An IP address of the server; once for each."
)
@click.option("--port", type=click.IntRange(PORTS[0], PORTS[-1]), default=443, show_default=True)
@click.option("--server-name", help="The probe's SNI, where it is not the certificate's first name.")
@click.option("--succession", type=FILE, help="What the key before it says of a new one: `mecai sidecar succession`.")
@click.option("--url", help="Base URL of the VAS (https).")
@click.option("--roots", type=FILE, help="Roots (PEM) to which the certificate at --url must chain.")
@click.option("--directory", "directory_path", type=FILE, help="Signed directory (DER) that names the VAS, for --url.")
@click.option("--publishers", type=FILE, help="Pinned publisher certificates (PEM) of the directory.")
@click.option("--authority", help="Name or id of the Voucher Authority in the directory.")
@click.option("--out", type=FILE, help="File to write the voucher to (DER).")
@with_format
def request(
    *,
    chain: Path,
    addresses: tuple[str, ...],
    port: int,
    server_name: str | None,
    succession: Path | None,
    url: str | None,
    roots: Path | None,
    directory_path: Path | None,
    publishers: Path | None,
    authority: str | None,
    out: Path | None,
    style: str,
) -> None:
    """Ask a VAS for a voucher and show it, unjudged: `mecai voucher verify` judges.

    The VAS is --url with --roots, or --authority of --directory with --publishers. Exit codes: 1 the VAS gives no
    voucher (or none yet), 3 it does not answer.
    """
    certificate, *intermediates = _read_chain(chain)
    with input_from(chain):
        octets = tuple(map(address_octets, addresses))
        statement = read(succession) if succession else None
        wanted = VoucherRequest(certificate, tuple(intermediates), octets, port, server_name, statement).encode()
    if url and roots:
        check_https_url(url)
        servers: tuple[Server, ...] = (Server(url, load_certificates(roots)),)
    elif directory_path and publishers and authority:
        servers = _servers_of(authority, parse_directory(read(directory_path), load_certificates(publishers), now()))
    else:
        raise click.UsageError("give --url and --roots, or --directory, --publishers and --authority")
    encoded = _ask(servers, wanted)
    facts = document(parse_voucher(encoded))
    if out:
        durable.keep(out, encoded, durable.PUBLIC)
    show(facts, style)


def _accepting_all(directory: Directory) -> Policy:
    """Return the policy of a client of the directory's context that accepts every authority in it."""
    everyone = tuple(authority.authority for authority in directory.authorities)
    return Policy(everyone, contexts=(directory.context,))


class NoVoucher(MecaiError):
    """The VAS was heard, and its answer is no voucher."""

    exit_code = 1


def _ask(servers: Sequence[Server], wanted: bytes) -> bytes:
    """Return the voucher of one authority; raises `NoVoucher` where its answer is another."""
    try:
        answer = ask_authority(servers, wanted)
    except RequestRefused as refusal:
        if refusal.final:
            raise NoVoucher(str(refusal)) from refusal
        raise
    if isinstance(answer, Held):
        raise NoVoucher(f"the certificate is on hold; ask again after {answer.until:%Y-%m-%dT%H:%M:%SZ}")
    return answer


def _servers_of(name: str, directory: Directory) -> tuple[Server, ...]:
    found = next((each for each in directory.authorities if name in {each.name, each.authority.hex()}), None)
    if found is None:
        known = ", ".join(each.name for each in directory.authorities)
        raise InputError(f"--authority {name}: is not in the directory, which has {known}")
    if not found.servers:
        raise InputError(f"--authority {name}: has no server in the directory; it does not vouch")
    return found.servers


def _read_chain(path: Path) -> tuple[bytes, ...]:
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in load_certificates(path))
