"""The mailbox of the sites' owner, which the lab's mail host keeps."""

import base64
import email
import email.policy
import json
from dataclasses import dataclass
from email.message import EmailMessage

from tests.lab.conftest import Machine

# Each message of the owner's mailbox with the folder where it is; runs on the host.
MAILBOX = """
import base64, json, pathlib
home = pathlib.Path("/home/owner/Maildir")
folders = [(folder, home / folder / state) for folder in ("", ".known") for state in ("new", "cur")]
files = [(folder, path) for folder, place in folders for path in place.glob("*")]
print(json.dumps([[folder, base64.b64encode(path.read_bytes()).decode()] for folder, path in files]))
"""


@dataclass(frozen=True)
class Delivered:
    """A message in the owner's mailbox, as it lies there and as a mail library reads it; no `folder`: the inbox."""

    folder: str
    octets: bytes
    mail: EmailMessage


def delivered(owner: Machine, fingerprint: str) -> list[Delivered]:
    """Return the messages about a certificate."""
    files = json.loads(owner.run("python3 -c %s", MAILBOX))
    found = [_read(folder, base64.b64decode(octets)) for folder, octets in files]
    return [each for each in found if each.mail["Subject"].endswith(fingerprint)]


def _read(folder: str, octets: bytes) -> Delivered:
    mail = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return Delivered(folder, octets, mail)
