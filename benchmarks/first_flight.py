"""The first flight of a server that staples a voucher and an OCSP response over three certificates, in octets (T7).

A real nginx with the module, TLS 1.3 over TCP on loopback; counted is what it sends before the client has said anything
but its ClientHello. A server's first flight may have ten segments (RFC 6928); 12,200 octets fit into them.
"""

import socket
import ssl
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.measure import Result, sized
from mecai.client import ClientPolicy, VoucherContext, peer
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import spki_hash
from tests.integration.nginx_module.server import Nginx, Staples, build_modules
from tests.pki import Issued, rsa_key
from tests.ports import free_port
from tests.scene import HOST, authority_entry, directory_of
from tests.unit.client.world import LOOPBACK, World

LIMIT_OCTETS: Final = 12_200
_SECONDS: Final = 20
_READ: Final = 65_536
_AUTHORITIES: Final = ("birch", "cedar", "dogwood")


def run() -> list[Result]:
    """Count for a site with a P-256 key and for one with an RSA key; one voucher and, under `strict`, two."""
    world = World()
    policy_ca = world.alder.subordinate("policy CA", world.alder.root, path_length=1)
    parent = world.alder.subordinate("site CA", policy_ca)
    others = (world.birch, world.cedar, world.dogwood)
    subordinates = frozenset(spki_hash(each.certificate) for each in (policy_ca, parent))
    alder = replace(authority_entry(world.alder), subordinates=subordinates)
    directory = directory_of(alder, *map(authority_entry, others), now=world.now)
    keys = {"P-256": None, "RSA 2048": rsa_key("site")}
    return [
        sized(f"first flight, {name}, profile {profile}", octets, LIMIT_OCTETS, f"limit of {LIMIT_OCTETS} octets")
        for name, key in keys.items()
        for profile, octets in _flights(world, world.alder.server(HOST, server_key=key, parent=parent), directory)
    ]


def _flights(world: World, site: Issued, directory: Directory) -> list[tuple[str, bytes]]:
    """Serve a site, and return the first flight to a client of each profile."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        nginx, port = Nginx(home, build_modules(), Staples(home / "staples")), free_port()
        evidence = [world.alder.ocsp(each) for each in _issued(site)]
        nginx.staples.put(site, "ocsp.der", evidence[0])
        for va in (getattr(world, name) for name in _AUTHORITIES):
            voucher = world.voucher(va, site=site, addresses=LOOPBACK, evidence=evidence)
            nginx.staples.voucher(site, authority_entry(va).authority, voucher)
        try:
            nginx.start(nginx.server(port, site, options="voucher_ocsp on;"))
            return [(profile, _first_flight(directory, port, profile)) for profile in ("default", "strict")]
        finally:
            nginx.stop()


def _issued(site: Issued) -> list[Issued]:
    """Return a certificate and those above it, root left out."""
    return [site, *_issued(site.issuer)] if site.issuer and site.issuer.issuer else [site]


def _first_flight(directory: Directory, port: int, profile: str) -> bytes:
    """Shake hands up to the client's own second flight, which is judged and not sent; return what came."""
    context = VoucherContext(ClientPolicy(profile=profile), directory, bytes(32))
    incoming, outgoing, flight = ssl.MemoryBIO(), ssl.MemoryBIO(), b""
    with socket.create_connection(("127.0.0.1", port), _SECONDS) as plain, peer("127.0.0.1"):
        connection = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
        while True:
            try:
                connection.do_handshake()
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                octets = plain.recv(_READ)
                flight += octets
                incoming.write(octets)
            else:
                return flight
