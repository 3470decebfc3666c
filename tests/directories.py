"""Directories for tests that read them from files, on top of `tests.scene`.

moz = directory(ALDER, BIRCH, sequence=2)       # context MOZ, in force since NOW
path.write_bytes(signed(moz))                   # by PUBLISHER, whose .pem is the pin
directory(authority_entry(ALDER, "forest"), BIRCH, distrust=[BIRCH.root.certificate])
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography import x509

from mecai.protocol.objects.authorities import Authority, Directory, Distrust
from mecai.protocol.objects.directory import sign_directory
from mecai.protocol.pki.identity import spki_hash
from tests.pki import DAY, NOW, Hierarchy, Issued, issue, key, key_usage
from tests.scene import PUBLISHER, authority_entry, directory_of

__all__ = ["PUBLISHER", "directory", "publisher", "signed"]


def directory(
    *authorities: Authority | Hierarchy,
    issued: datetime = NOW,
    distrust: Sequence[x509.Certificate] = (),
    **changes: Any,
) -> Directory:
    """Make a directory for a week; it distrusts the CAs of `distrust` since it was issued."""
    entries = [authority_entry(each) if isinstance(each, Hierarchy) else each for each in authorities]
    distrusted = tuple(Distrust(spki_hash(ca), issued, "test") for ca in distrust)
    return directory_of(*entries, now=issued, distrust=distrusted, **changes)


def publisher(name: str) -> Issued:
    """Make the self-signed certificate of another publisher."""
    return issue(name, key(name), None, [key_usage("digital_signature")], span=(NOW - DAY, NOW + 3650 * DAY))


def signed(content: Directory, by: Issued = PUBLISHER) -> bytes:
    """Sign a directory."""
    return sign_directory(content, by.key, by.certificate)
