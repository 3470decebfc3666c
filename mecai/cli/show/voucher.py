"""A voucher, and how it was judged: `mecai voucher`."""

import json
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from mecai.errors import VerificationError
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher import Voucher
from mecai.protocol.pki.identity import address_text
from mecai.protocol.verify.connection import Vouched

_METHODS: Final = {EvidenceMethod.OCSP: "ocsp", EvidenceMethod.CRL: "crl", EvidenceMethod.SHORT_LIVED: "shortLived"}


def show(facts: dict[str, object], style: str) -> None:
    """Print a voucher's document in one of the formats `text` and `json`."""
    if style == "json":
        click.echo(json.dumps(facts, indent=2))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, _line(value))
    Console().print(table)


def show_good(vouched: Vouched, file: Path, address: str, style: str) -> None:
    """Print that a voucher was accepted for an address."""
    if style == "json":
        facts = {"verdict": "accepted", "reason": None, "name": vouched.authority.name}
        click.echo(json.dumps({**facts, "voucher": document(vouched.voucher)}, indent=2))
        return
    end = f"{vouched.next_update:%Y-%m-%dT%H:%M:%SZ}"
    click.echo(f"{file}: good; {vouched.authority.name} vouches for {address} until {end}")


def show_refused(error: VerificationError, style: str) -> None:
    """Print why a voucher was refused, for programs; a person reads it in the error itself."""
    if style == "json":
        verdict = {"verdict": "refused", "reason": error.reason, "rule": error.rule, "detail": error.detail}
        click.echo(json.dumps(verdict, indent=2))


def document(voucher: Voucher) -> dict[str, object]:
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
        "statusEvidence": list(map(_evidence_document, info.status_evidence)),
        "authorityCertificate": {
            "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(),
            "notAfter": certificate.not_valid_after_utc.isoformat(),
        },
        "signatureAlgorithm": voucher.signed.algorithm.name,
        "size": len(voucher.der),
    }


def _evidence_document(entry: StatusEvidence) -> dict[str, str]:
    return {
        "certificateHash": entry.certificate_hash.hex(),
        "method": _METHODS[entry.method],
        "thisUpdate": entry.this_update.isoformat(),
        "nextUpdate": entry.next_update.isoformat(),
    }


def _line(value: object) -> str:
    """Return one value for a person: lists line by line, objects as name and value."""
    if isinstance(value, list):
        return "\n".join(map(_line, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)
