"""Signed directories: JSON (docs/spec, section 7) inside the envelope of vouchers."""

import base64
import hashlib
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.parts.names import DIRECTORY
from tests.conformance.parts.signed_data import AS_IT_SHOULD_BE, Changes, sign
from tests.conformance.parts.signing import Signer, signer
from tests.pki import DAY, NOW, Hierarchy, Issued, issue, key, key_usage

Entry = dict[str, Any]


def publisher(name: str) -> Issued:
    """Return a publisher's self-signed certificate; its key is the pin."""
    return issue(name, key(name), None, [key_usage("digital_signature")], span=(NOW - DAY, NOW + 3650 * DAY))


PUBLISHER = publisher("MOZ publisher")


def spki_hash(issued: Issued) -> str:
    """Return the SPKI hash (I4) in hexadecimal."""
    return key_hash(issued.certificate.public_key())


def key_hash(public: Any) -> str:
    """Return the SPKI hash (I4) of a public key."""
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def authority_id(authority: Hierarchy) -> bytes:
    """Return the VA id (I3)."""
    return hashlib.sha256(spki(authority.root)).digest()[:8]


def entry(authority: Hierarchy, **changes: Any) -> Entry:
    """Return a directory entry: its own owner group, its root and issuing CA, one VAS."""
    root = text(authority.root.der)
    fields = {
        "name": authority.name,
        "ownerGroup": authority.name,
        "region": "north",
        "id": authority_id(authority).hex(),
        "roots": [root],
        "subordinates": [spki_hash(authority.issuing)],
        "servers": [{"url": f"https://vas.{authority.name}.test", "roots": [root]}],
    }
    return {**fields, **changes}


def content(*entries: Entry, **changes: Any) -> Entry:
    """Return a directory of context MOZ that was issued an hour ago and holds for a week."""
    fields = {
        "version": 1,
        "context": "MOZ",
        "sequence": 7,
        "issued": moment(NOW - DAY),
        "expires": moment(NOW + 7 * DAY),
        "authorities": list(entries),
        "distrust": [],
        "publishers": [],
    }
    return {**fields, **changes}


def signed(directory: Entry | bytes, by: Signer | None = None, changes: Changes = AS_IT_SHOULD_BE) -> bytes:
    """Return the directory as its publisher signs it; octets are signed as they are."""
    octets = directory if isinstance(directory, bytes) else json.dumps(directory, separators=(",", ":")).encode()
    return sign(DIRECTORY, octets, by or signer(PUBLISHER), (), changes)


def distrust(issued: Issued, since: datetime) -> Entry:
    """Return a distrust entry for a CA's key."""
    return {"spki": spki_hash(issued), "time": moment(since), "reason": "issued for a name that it had not checked"}


def moment(time: datetime) -> str:
    """Return a time as RFC 3339 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def text(octets: bytes) -> str:
    """Return octets as base64."""
    return base64.b64encode(octets).decode()


def spki(issued: Issued) -> bytes:
    """Return the DER SubjectPublicKeyInfo."""
    return issued.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
