"""A staple directory for tests, written as the sidecar writes it, and a bare client that asks as it is told."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256

from mecai import tls
from mecai.protocol.codec.tls_answer import VOUCHER, decode_vouchers
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from mecai.protocol.objects.voucher import parse_voucher
from mecai.server import StapleDirectory, StaplingContext
from mecai.sidecar.kinds import ocsp_staple, voucher
from mecai.sidecar.store import StapleStore
from tests.pki import Issued
from tests.unit.client.world import World
from tests.unit.tls.memory import Pair

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
world = World()
vouched = cache(world.local_voucher)  # by the name of a CA: always the same octets
IDS = {name: parse_voucher(vouched(name)).info.authority for name in ("birch", "cedar", "dogwood")}


@dataclass
class Shelf:
    """The directory `path`, written by the sidecar's own store; `site` is whom it is for."""

    path: Path
    site: Issued = world.site

    def put(self, name: str, der: bytes | None = None) -> Path:
        """Write the voucher of one CA's authority."""
        store, key = StapleStore(self.path), voucher.key_of(self._hash, IDS[name])
        store.write(key, vouched(name) if der is None else der)
        return store.path(key)

    def put_ocsp(self, der: bytes | None = None) -> Path:
        """Write the OCSP staple."""
        store, key = StapleStore(self.path), ocsp_staple.key_of(self._hash)
        store.write(key, world.staple if der is None else der)
        return store.path(key)

    @property
    def folder(self) -> Path:
        """The certificate's own folder."""
        return self.path / self._hash.hex()

    @property
    def _hash(self) -> bytes:
        return self.site.certificate.fingerprint(SHA256())

    def serving(
        self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC), **more: int
    ) -> StaplingContext:
        """Make a server's context for `site` over this directory."""
        return load(StaplingContext(StapleDirectory(self.path, clock), **more), folder, self.site)


def load(context: StaplingContext, folder: Path, site: Issued) -> StaplingContext:
    """Load a certificate with its key, by a file in `folder`."""
    chain = folder / "identity.pem"
    chain.write_bytes(site.chain_pem + site.key_pem)
    context.load_cert_chain(chain)
    return context


@dataclass(frozen=True)
class Heard:
    """What one handshake brought."""

    answer: bytes | None
    facts: tls.Facts
    pair: Pair

    @property
    def vouchers(self) -> tuple[bytes, ...] | None:
        """The vouchers; None where there was no extension."""
        return None if self.answer is None else decode_vouchers(self.answer)


def client(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Make a client that can ask; it trusts alder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=world.alder.root.der)
    tls.install(context, answered=VOUCHER, unanswered=VOUCHER_REQUEST)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def asking(*names: str, quorum: int = 1, cached: tuple[bytes, ...] = ()) -> dict[int, bytes]:
    """Return what a ClientHello says that names the authorities of these CAs."""
    request = RequestExtension(quorum, tuple(IDS[name] for name in names), cached=cached)
    return {VOUCHER: b"", VOUCHER_REQUEST: request.encode()}


def hear(
    server: ssl.SSLContext,
    offer: dict[int, bytes],
    asker: ssl.SSLContext | None = None,
    *,
    name: str = "www.example.test",
    session: ssl.SSLSession | None = None,
) -> Heard:
    """Shake hands in memory; raises `ssl.SSLError` where either end refuses."""
    pair, exchange = Pair(asker or client(), server, name), tls.Exchange(offer)
    tls.attach(pair.connection, exchange)
    if session:
        pair.client.session = session
    pair.handshake()
    pair.server.write(b"tickets come with this")
    pair.client.read()
    return Heard(exchange.answer, tls.read_facts(pair.connection), pair)
