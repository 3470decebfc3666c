"""`mecai voucher`: view and verify single vouchers (docs/spec, "Voucher" and "Client")."""

import json
from datetime import datetime
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console
from rich.table import Table

from mecai.cli.arguments import Moment, input_from, now, read
from mecai.pem import load_certificates
from mecai.protocol.cms import Voucher, parse_voucher
from mecai.protocol.directory import parse_directory
from mecai.protocol.errors import VerificationError
from mecai.protocol.identity import address_octets, address_text
from mecai.protocol.verify import Policy, Presented, verify_voucher
from mecai.protocol.voucher import EvidenceMethod

_FILE = click.Path(path_type=Path)
_METHODS = {EvidenceMethod.OCSP: "ocsp", EvidenceMethod.CRL: "crl", EvidenceMethod.SHORT_LIVED: "shortLived"}
_with_format = click.option("--format", "style", type=click.Choice(["human", "json"]), default="human")


@click.group()
def command() -> None:
    """View and verify single vouchers."""


@command.command()
@click.argument("file", type=_FILE)
@_with_format
def view(file: Path, style: str) -> None:
    """Show what a voucher says; believes nothing, checks no signature."""
    encoded = read(file)
    with input_from(file):
        facts = _facts(parse_voucher(encoded))
    if style == "json":
        click.echo(json.dumps(facts, indent=2))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, _line(value))
    Console().print(table)


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
    certificates = load_certificates(chain)
    presented = Presented(
        chain=tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates),
        peer_address=address_octets(address),
    )
    encoded, signed, pins = read(file), read(directory_path), load_certificates(publishers)
    try:
        directory = parse_directory(signed, pins, moment, None)
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
