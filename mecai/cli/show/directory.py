"""A directory and the authorities in it: `mecai directory`."""

import json

import click
from rich.console import Console
from rich.table import Table

from mecai.protocol.objects.authorities import Authority, Directory


def summary(directory: Directory) -> str:
    """Return one line."""
    return (
        f"context {directory.context}, sequence {directory.sequence}, {len(directory.authorities)} authorities, "
        f"{len(directory.distrust)} distrusted, expires {directory.expires:%Y-%m-%dT%H:%M:%SZ}"
    )


def show(directory: Directory, style: str) -> None:
    """Print the whole in one of the formats `human` and `json`."""
    if style == "json":
        click.echo(json.dumps(_document(directory), indent=2))
        return
    click.echo(summary(directory))
    table = Table("name", "owner group", "region", "id", "servers")
    for entry in directory.authorities:
        servers = "\n".join(server.url for server in entry.servers)
        table.add_row(entry.name, entry.owner_group, entry.region, entry.authority.hex(), servers)
    Console().print(table)
    for item in directory.distrust:
        click.echo(f"distrusted from {item.time:%Y-%m-%dT%H:%M:%SZ}: {item.spki_hash.hex()}: {item.reason}")


def _document(directory: Directory) -> dict[str, object]:
    """Return the directory for machines: certificates by their subject, everything else as signed."""
    return {
        "context": directory.context,
        "sequence": directory.sequence,
        "hash": directory.hash.hex(),
        "issued": directory.issued.isoformat(),
        "expires": directory.expires.isoformat(),
        "authorities": [_authority_document(entry) for entry in directory.authorities],
        "distrust": [
            {"spki": item.spki_hash.hex(), "time": item.time.isoformat(), "reason": item.reason}
            for item in directory.distrust
        ],
        "publishers": [publisher.subject.rfc4514_string() for publisher in directory.publishers],
    }


def _authority_document(entry: Authority) -> dict[str, object]:
    return {
        "name": entry.name,
        "ownerGroup": entry.owner_group,
        "region": entry.region,
        "id": entry.authority.hex(),
        "roots": [root.subject.rfc4514_string() for root in entry.roots],
        "servers": [server.url for server in entry.servers],
    }
