"""Signed directories for tests, out of the hierarchies of `tests.pki`.

from tests.directories import PUBLISHER, authority, directory, signed

moz = directory(ALDER, BIRCH, sequence=2)       # context MOZ, in force around NOW
path.write_bytes(signed(moz))                   # by PUBLISHER, whose .pem is the pin
directory(authority(ALDER, url="https://127.0.0.1:8443"), BIRCH)
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from mecai.protocol.authorities import Authority, Directory, Distrust, Server
from mecai.protocol.directory import sign_directory
from mecai.protocol.identity import authority_id, spki_der, spki_hash
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued, issue, key, key_usage


def publisher(name: str) -> Issued:
    """Make a publisher's self-signed certificate."""
    return issue(name, key(name), None, [key_usage("digital_signature")], span=(NOW - DAY, NOW + 3650 * DAY))


PUBLISHER = publisher("MOZ publisher")


def authority(
    ca: Hierarchy, *, url: str | None = None, owner_group: str | None = None, roots: Sequence[x509.Certificate] = ()
) -> Authority:
    """Describe a CA: its root and issuing CA, its own owner group, one VAS whose certificate chains to `roots`."""
    root = ca.root.certificate
    return Authority(
        name=ca.name,
        owner_group=owner_group or ca.name,
        region="north",
        authority=authority_id(spki_der(root)),
        roots=(root,),
        subordinates=frozenset({spki_hash(ca.issuing.certificate)}),
        servers=(Server(url or f"https://vas.{ca.name}.test", tuple(roots) or (root,)),),
    )


def directory(
    *authorities: Authority | Hierarchy,
    context: str = "MOZ",
    sequence: int = 1,
    issued: datetime = NOW - HOUR,
    distrust: Sequence[x509.Certificate] = (),
) -> Directory:
    """Make a directory for 30 days; it distrusts the CAs of `distrust` since it was issued."""
    return Directory(
        context=context,
        sequence=sequence,
        issued=issued,
        expires=issued + 30 * DAY,
        authorities=tuple(authority(each) if isinstance(each, Hierarchy) else each for each in authorities),
        distrust=tuple(Distrust(spki_hash(ca), issued, "test") for ca in distrust),
        publishers=(PUBLISHER.certificate,),
    )


def signed(content: Directory, by: Issued = PUBLISHER) -> bytes:
    """Sign a directory."""
    return sign_directory(content, by.key, by.certificate)
