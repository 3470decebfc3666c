"""How a certificate is named on the command line."""

from typing import Final

import click

from mecai.protocol.pki.identity import HASH_SIZE


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
