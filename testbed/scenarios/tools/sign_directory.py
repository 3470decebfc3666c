"""Sign a variation of the directory with its publisher's key; runs on the vendor's host.

Told on stdin, as JSON: `folder` (the publisher's), `manner`:

    honest          the same authorities, trusted all, a higher sequence
    rolled-back     a lower sequence
    equivocating    the same sequence over another content
    expired         a higher sequence, out of its time by now
    listing         a higher sequence, and one more CA of an authority: `spki`, the hash of its key in hexadecimal, and
                    `authority`, the id of the VA whose owner it is
    distrusting     a higher sequence, and no trust in a CA any more: `spki`, the hash of its root's key in hexadecimal

`keep` says that the publisher goes on from it. Prints the directory, DER in base64.
"""

import base64
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mecai.protocol.objects.authorities import Directory, Distrust
from mecai.protocol.objects.directory import parse_directory, sign_directory

SECOND = timedelta(seconds=1)


def _varied(directory: Directory, told: dict[str, Any], now: datetime) -> Directory:
    later = max(directory.sequence + 1, int(now.timestamp()))
    issued = datetime.fromtimestamp(later, UTC)  # no number is above its time of issue (docs/spec, D3)
    match told["manner"]:
        case "rolled-back":
            return replace(directory, sequence=directory.sequence - 1)
        case "equivocating":
            return replace(directory, expires=directory.expires - SECOND)
        case "expired":
            begun = max(directory.issued, datetime.fromtimestamp(directory.sequence, UTC)) + SECOND
            ended = max(begun, now - timedelta(minutes=1)) + SECOND
            return replace(directory, sequence=directory.sequence + 1, issued=begun, expires=ended)
        case "listing":
            key, owner = bytes.fromhex(told["spki"]), bytes.fromhex(told["authority"])
            listed = tuple(
                replace(entry, subordinates=entry.subordinates | {key}) if entry.authority == owner else entry
                for entry in directory.authorities
            )
            return replace(directory, sequence=later, issued=issued, authorities=listed)
        case "distrusting":
            entry = Distrust(bytes.fromhex(told["spki"]), now - timedelta(minutes=1), "compromised")
            return replace(directory, sequence=later, issued=issued, distrust=(*directory.distrust, entry))
        case _:
            # One further than what was told to somebody in this very second.
            return replace(directory, sequence=later + 1, issued=issued + SECOND, distrust=())


def main() -> None:
    """Sign, and print."""
    told = json.load(sys.stdin)
    folder, now = Path(told["folder"]), datetime.now(UTC).replace(microsecond=0)
    publisher = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    key: Any = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    file = folder / "directory.der"
    directory = parse_directory(file.read_bytes(), [publisher], None)
    encoded = sign_directory(_varied(directory, told, now), key, publisher)
    if told["keep"]:
        file.write_bytes(encoded)
    sys.stdout.write(base64.b64encode(encoded).decode())


if __name__ == "__main__":
    main()
