"""A directory and the authorities in it: `mecai directory`."""

import json

import click

from mecai.cli.show.tables import Row, show_table
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.service.printable import one_line


def summary(directory: Directory) -> str:
    """Return one line."""
    return (
        f"context {directory.context}, sequence {directory.sequence}, {len(directory.authorities)} authorities, "
        f"{len(directory.distrust)} distrusted, expires {directory.expires:%Y-%m-%dT%H:%M:%SZ}"
    )


def show(directory: Directory, style: str) -> None:
    """Print the whole in one of the formats `text` and `json`."""
    if style == "json":
        click.echo(json.dumps(_document(directory), indent=2))
        return
    click.echo(summary(directory))
    show_table(("id", "owner group", "region"), map(_row, directory.authorities))
    for item in directory.distrust:
        click.echo(f"distrusted from {item.time:%Y-%m-%dT%H:%M:%SZ}: {one_line(item.reason)}")
        click.echo(f"  {item.spki_hash.hex()}")


def _row(entry: Authority) -> Row:
    cells = (entry.authority.hex(), entry.owner_group, entry.region)
    return Row(cells, [entry.name, *(server.url for server in entry.servers)])


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
