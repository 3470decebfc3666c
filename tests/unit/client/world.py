"""`tests.scene` around the real clock and on loopback, with a client's files.

OpenSSL validates chains at the machine's time, therefore this world is made for it and not for `tests.pki.NOW`.
"""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.pki.identity import address_octets
from tests.pki import Hierarchy, Issued
from tests.scene import HOST, PUBLISHER, Scene

LOOPBACK = tuple(map(address_octets, ("127.0.0.1", "::1")))


class World(Scene):
    """A site of alder that is also `localhost`, vouched for at the addresses of loopback."""

    def __init__(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        super().__init__(now, False, *(Hierarchy(name, now) for name in ("alder", "birch", "cedar", "dogwood")))

    @cached_property
    def site(self) -> Issued:
        """The server's certificate."""
        return self.alder.server(HOST, "localhost", "127.0.0.1")

    @cached_property
    def staple(self) -> bytes:
        """An OCSP response that says the site's certificate is good."""
        return self.alder.ocsp(self.site)

    def local_voucher(self, name: str) -> bytes:
        """Let one CA's authority vouch for the site on loopback."""
        return self.voucher(getattr(self, name), addresses=LOOPBACK)

    def answer(self, *names: str) -> bytes:
        """Return extension `voucher` with a voucher of each authority."""
        return encode_vouchers([self.local_voucher(name) for name in names])

    def write_config(self, folder: Path, **settings: str) -> Path:
        """Write a client's files into `folder`; returns the configuration file."""
        (folder / "directory.der").write_bytes(self.signed_directory())
        (folder / "publishers.pem").write_bytes(PUBLISHER.pem)
        files = {"directory": "directory.der", "publishers": "publishers.pem", "state": "state"}
        values = {key: str(folder / name) for key, name in files.items()} | settings
        config = folder / "client.toml"
        config.write_text("".join(f'{key} = "{value}"\n' for key, value in values.items()))
        return config
