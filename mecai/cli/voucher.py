"""`mecai voucher`: view, verify and request single vouchers (docs/spec, "Voucher", "Client", "Voucher Request")."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console
from rich.table import Table

from mecai.cli.arguments import Moment, input_from, now, read
from mecai.errors import InputError, MecaiError, VerificationError
from mecai.protocol.objects.authorities import Directory, Server
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.status_evidence import EvidenceMethod
from mecai.protocol.objects.voucher import Voucher, parse_voucher
from mecai.protocol.objects.voucher_info import PORTS
from mecai.protocol.pki.identity import address_octets, address_text
from mecai.protocol.pki.names import check_https_url
from mecai.protocol.verify.connection import Policy, Presented, verify_voucher
from mecai.service import durable
from mecai.service.pem import load_certificates
from mecai.vrp.answers import Held, RequestRefused
from mecai.vrp.ask import ask_authority

_FILE = click.Path(path_type=Path)
_METHODS = {EvidenceMethod.OCSP: "ocsp", EvidenceMethod.CRL: "crl", EvidenceMethod.SHORT_LIVED: "shortLived"}
_with_format = click.option("--format", "style", type=click.Choice(["human", "json"]), default="human")


@click.group()
def command() -> None:
    """View, verify and request single vouchers."""


@command.command()
@click.argument("file", type=_FILE)
@_with_format
def view(file: Path, style: str) -> None:
    """Show what a voucher says; believes nothing, checks no signature."""
    encoded = read(file)
    with input_from(file):
        facts = _facts(parse_voucher(encoded))
    _show(facts, style)


@command.command()
@click.argument("file", type=_FILE)
@click.option("--chain", type=_FILE, required=True, help="The server's chain (PEM), end entity first.")
@click.option("--address", required=True, help="The server's IP address, as the client sees it.")
@click.option("--directory", "directory_path", type=_FILE, required=True, help="Signed directory (DER).")
@click.option("--publishers", type=_FILE, required=True, help="Pinned publisher certificates (PEM).")
@click.option("--at", type=Moment(), help="Judge at this time, instead of now.")
@_with_format
def verify(
    *, file: Path, chain: Path, address: str, directory_path: Path, publishers: Path, at: datetime | None, style: str
) -> None:
    """Judge a voucher by rules V1 to V11, as a client of the directory's context would that accepts every authority."""
    moment = at or now()
    presented = Presented(_read_chain(chain), address_octets(address))
    encoded, signed, pins = read(file), read(directory_path), load_certificates(publishers)
    try:
        directory = parse_directory(signed, pins, moment)
        everyone = tuple(authority.authority for authority in directory.authorities)
        vouched = verify_voucher(encoded, presented, directory, Policy(everyone, contexts=(directory.context,)), moment)
    except VerificationError as error:
        if style == "json":
            verdict = {"verdict": "refused", "reason": error.reason, "rule": error.rule, "detail": error.detail}
            click.echo(json.dumps(verdict, indent=2))
        raise
    if style == "json":
        facts = {"verdict": "accepted", "reason": None, "name": vouched.authority.name}
        click.echo(json.dumps({**facts, "voucher": _facts(vouched.voucher)}, indent=2))
        return
    end = f"{vouched.next_update:%Y-%m-%dT%H:%M:%SZ}"
    click.echo(f"{file}: good; {vouched.authority.name} vouches for {address} until {end}")


@command.command()
@click.option("--chain", type=_FILE, required=True, help="The server's chain (PEM), end entity first, without root.")
@click.option(
    "--address", "addresses", multiple=True, required=True, help="An IP address of the server; once for each."
)
@click.option("--port", type=click.IntRange(PORTS[0], PORTS[-1]), default=443, show_default=True)
@click.option("--server-name", help="The probe's SNI, where it is not the certificate's first name.")
@click.option("--url", help="Base URL of the VAS (https).")
@click.option("--roots", type=_FILE, help="Roots (PEM) to which the certificate at --url must chain.")
@click.option("--directory", "directory_path", type=_FILE, help="Signed directory (DER) that names the VAS, for --url.")
@click.option("--publishers", type=_FILE, help="Pinned publisher certificates (PEM) of the directory.")
@click.option("--authority", help="Name or id of the Voucher Authority in the directory.")
@click.option("--out", type=_FILE, help="File to write the voucher to (DER).")
@_with_format
def request(
    *,
    chain: Path,
    addresses: tuple[str, ...],
    port: int,
    server_name: str | None,
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
        wanted = VoucherRequest(certificate, tuple(intermediates), octets, port, server_name).encode()
    if url and roots:
        check_https_url(url)
        servers: tuple[Server, ...] = (Server(url, load_certificates(roots)),)
    elif directory_path and publishers and authority:
        servers = _servers_of(authority, parse_directory(read(directory_path), load_certificates(publishers), now()))
    else:
        raise click.UsageError("give --url and --roots, or --directory, --publishers and --authority")
    encoded = _ask(servers, wanted)
    facts = _facts(parse_voucher(encoded))
    if out:
        durable.replace(out, encoded, durable.PUBLIC)
    _show(facts, style)


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


def _show(facts: dict[str, object], style: str) -> None:
    if style == "json":
        click.echo(json.dumps(facts, indent=2))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, _line(value))
    Console().print(table)


def _facts(voucher: Voucher) -> dict[str, object]:
    """Return a voucher for people and machines, under the names of the specification."""
    info, certificate = voucher.info, voucher.authority_certificate
    return {
        "authority": info.authority.hex(),
        "serialNumber": f"{info.serial_number:x}",
        "hash": voucher.hash.hex(),
        "certificateHash": info.certificate_hash.hex(),
        "intermediateHashes": [item.hex() for item in info.intermediate_hashes],
        "addresses": list(map(address_text, info.addresses)),
        "probedPort": info.probed_port,
        "thisUpdate": info.this_update.isoformat(),
        "nextUpdate": info.next_update.isoformat(),
        "trustContexts": list(info.trust_contexts),
        "intermediatesMatched": info.intermediates_matched,
        "perspectives": info.perspectives,
        "statusEvidence": [
            {
                "certificateHash": entry.certificate_hash.hex(),
                "method": _METHODS[entry.method],
                "thisUpdate": entry.this_update.isoformat(),
                "nextUpdate": entry.next_update.isoformat(),
            }
            for entry in info.status_evidence
        ],
        "authorityCertificate": {
            "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(),
            "notAfter": certificate.not_valid_after_utc.isoformat(),
        },
        "signatureAlgorithm": voucher.signed.algorithm.name,
        "size": len(voucher.der),
    }


def _line(value: object) -> str:
    """Return one value for a person: lists line by line, objects as name and value."""
    if isinstance(value, list):
        return "\n".join(map(_line, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)
