"""How a certificate is named on the command line."""

from pathlib import Path
from typing import Final

import click
from cryptography import x509

from mecai.errors import HostError, InputError
from mecai.protocol.pki.identity import HASH_SIZE
from mecai.service.pem import load_certificates


class Hash(click.ParamType[bytes]):
    """A SHA-256 in hexadecimal, as `sha256sum` or `openssl x509 -fingerprint -sha256` write it."""

    name = "sha-256"

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return its 32 octets, or fail with what was expected."""
        if isinstance(value, bytes):
            return value
        try:
            octets = bytes.fromhex(value.replace(":", ""))
        except ValueError:
            octets = b""
        if len(octets) != HASH_SIZE:
            self.fail(f"{value!r} is no SHA-256; expected {2 * HASH_SIZE} hexadecimal digits", param, ctx)
        return octets


HASH: Final = Hash()


def named(text: str) -> bytes | x509.Certificate:
    """Return the SHA-256 that a text is, or the first certificate (PEM) of the file that it names.

    A hash is looked for nowhere, whatever folder this is. Raises `InputError` or `HostError`.
    """
    try:
        return HASH.convert(text, None, None)
    except click.BadParameter:
        path = Path(text)
    try:
        found = path.is_file()
    except OSError as error:
        raise HostError(f"{path}: cannot be read ({error.strerror})") from error
    if not found:
        raise InputError(f"{text}: is neither a file nor a SHA-256")
    return load_certificates(path)[0]
