"""Read the owner's mailbox and verify signatures with openssl-cms(1); runs on the registrar, by the system's Python.

Told on standard input, in JSON: `word`, which the subject must hold, `root` (PEM), to which signers must chain. Prints,
for each message, in JSON: `folder` (empty: the inbox), `from`, `to`, `subject`, `signed`, `said`, what openssl said.
"""

import email
import email.policy
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HOME = Path("/home/owner/Maildir")
SECONDS = 10


def _verified(message: bytes, root: str, sender: str) -> tuple[bool, str]:
    """Say whether the signature is good, by a certificate for the sender's address, and what openssl said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mail").write_bytes(message)
        (folder / "root.pem").write_text(root, encoding="ascii")
        verify = "cms -verify -purpose smimesign -in mail -CAfile root.pem -signer signer.pem -out text"
        told = _openssl(folder, *verify.split())
        if told.returncode:
            return False, told.stderr.strip()
        named = _openssl(folder, "x509", "-in", "signer.pem", "-noout", "-checkemail", sender)
        return "does match" in named.stdout, f"{told.stderr.strip()}; {named.stdout.strip()}"


def _openssl(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = ["openssl", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS)


def _read(folder: str, message: bytes, root: str) -> dict[str, Any]:
    mail = email.message_from_bytes(message, policy=email.policy.default)
    signed, said = _verified(message, root, str(mail["From"]))
    fields = {name.lower(): str(mail[name]) for name in ("From", "To", "Subject")}
    return {"folder": folder, **fields, "signed": signed, "said": said}


def main() -> None:
    """Read, and print."""
    told = json.load(sys.stdin)
    places = [(folder, HOME / folder / state) for folder in ("", ".known") for state in ("new", "cur")]
    files = [(folder, file.read_bytes()) for folder, place in places for file in sorted(place.glob("*"))]
    found = [(folder, text) for folder, text in files if told["word"].encode() in text]
    read = [_read(folder, text, told["root"]) for folder, text in found]
    json.dump([mail for mail in read if told["word"] in mail["subject"]], sys.stdout)


if __name__ == "__main__":
    main()
