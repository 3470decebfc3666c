"""A local double of many Voucher Authority Servers and of one OCSP responder, for whoever asks them much.

Everything that they answer is signed beforehand, so that what is measured is who asks. Each server is a process of its
own on loopback, and takes one connection after the other. Vouchers are good for an hour before and 23 after `now`.
"""

import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from cryptography.x509 import ExtensionType, ocsp

from mecai.protocol.objects.authorities import Server
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import certificate_hash
from tests.directories import PUBLISHER, signed
from tests.pki import SERVER_AUTH, Hierarchy, Issued, issue, key, leaf_extensions
from tests.scene import Scene, authority_entry, directory_of

NETWORK: Final = f"127.78.{os.getpid() % 250}"
SITE: Final = f"{NETWORK}.3"
_RESPONDER: Final = f"{NETWORK}.1"  # port 80 of it: OCSP is asked nowhere else (docs/spec P7)
_TLS: Final = "tls of the doubles"

Answers = Mapping[bytes, bytes]


@dataclass(frozen=True)
class World:
    """Sites of one CA, and authorities that vouch for each of them; made on first use."""

    sites_count: int
    authorities_count: int
    now: datetime

    @cached_property
    def scene(self) -> Scene:
        """What signs."""
        return Scene(self.now, alder=Hierarchy("alder", self.now))

    @cached_property
    def authorities(self) -> tuple[Hierarchy, ...]:
        """Those that vouch."""
        return tuple(Hierarchy(f"authority {number}", self.now) for number in range(self.authorities_count))

    @cached_property
    def sites(self) -> tuple[Issued, ...]:
        """The certificates, each of which names the responder."""
        span = (self.now.replace(year=self.now.year - 1), self.now.replace(year=self.now.year + 1))
        return tuple(
            issue(name, key(name), self.scene.alder.issuing, _extensions(name), span=span)
            for name in (f"site{number}.example.test" for number in range(self.sites_count))
        )

    @cached_property
    def staples(self) -> dict[bytes, bytes]:
        """OCSP responses by the serial number that is asked for."""
        return {_serial(site): self.scene.alder.ocsp(site) for site in self.sites}

    def vouchers(self, authority: Hierarchy) -> dict[bytes, bytes]:
        """Return what one authority answers, by the hash of the certificate."""
        status = authority.ocsp(authority.voucher)
        issuing = self.scene.alder.ocsp(self.scene.alder.issuing)
        return {
            certificate_hash(site.der): self.scene.voucher(
                authority,
                site=site,
                evidence=[self.staples[_serial(site)], issuing],
                authority_status=status,
                addresses=(socket.inet_aton(SITE),),
            )
            for site in self.sites
        }

    def directory(self, ports: Sequence[int]) -> bytes:
        """Sign the directory, with the server of each authority at its port."""
        roots = (Hierarchy(_TLS, self.now).root.certificate,)
        entries = (
            replace(authority_entry(each), servers=(Server(f"https://127.0.0.1:{port}", roots),))
            for each, port in zip(self.authorities, ports, strict=True)
        )
        return signed(directory_of(authority_entry(self.scene.alder), *entries, now=self.now))


def make_world(sites: int, authorities: int) -> World:
    """Make everything as of now."""
    return World(sites, authorities, datetime.now(UTC).replace(microsecond=0))


@contextmanager
def served(world: World, folder: Path) -> Iterator[Path]:
    """Start the doubles, write chains and `sidecar.toml` into a folder, yield the settings' path; end the doubles."""
    identity = Hierarchy(_TLS, world.now).server("127.0.0.1")
    (folder / "identity.pem").write_bytes(identity.key_pem + identity.chain_pem)
    doors = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in world.authorities]
    responder = socket.create_server((_RESPONDER, 80), backlog=64)
    fork = get_context("fork")
    work: list[tuple[Callable[..., None], tuple[object, ...]]] = [
        (_vouch, (door, folder / "identity.pem", world.vouchers(authority)))
        for door, authority in zip(doors, world.authorities, strict=True)
    ]
    work.append((_respond, (responder, world.staples)))
    servers = [fork.Process(target=target, args=arguments, daemon=True) for target, arguments in work]
    del work
    for server in servers:
        server.start()
    try:
        yield _write(world, folder, [door.getsockname()[1] for door in doors])
    finally:
        for server in servers:
            server.terminate()
            server.join()
        for door in (*doors, responder):
            door.close()


def _write(world: World, folder: Path, ports: Sequence[int]) -> Path:
    (folder / "directory.der").write_bytes(world.directory(ports))
    (folder / "publishers.pem").write_bytes(PUBLISHER.pem)
    lines = [f'{name} = "{folder}/{file}"' for name, file in _FILES.items()]
    lines.append('allowed_networks = ["127.0.0.0/8"]')
    for number, site in enumerate(world.sites):
        chain = folder / f"{number}.pem"
        chain.write_bytes(site.chain_pem)
        lines += ["[[certificate]]", f'chain = "{chain}"', f'addresses = ["{SITE}"]']
    (folder / "state").mkdir()
    config = folder / "sidecar.toml"
    config.write_text("\n".join(lines), encoding="utf-8")
    return config


_FILES: Final = {"directory": "directory.der", "publishers": "publishers.pem", "state": "state"}


def _vouch(door: socket.socket, identity: Path, answers: Answers) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    while True:
        plain, _ = door.accept()
        try:
            with context.wrap_socket(plain, server_side=True) as secure:
                request = VoucherRequest.decode(_body(secure))
                _answer(secure, "application/mecai-voucher", answers[request.hashes[0]])
        except OSError:
            plain.close()


def _respond(door: socket.socket, answers: Answers) -> None:
    while True:
        plain, _ = door.accept()
        with suppress(OSError), plain:
            serial = ocsp.load_der_ocsp_request(_body(plain)).serial_number
            _answer(plain, "application/ocsp-response", answers[serial.to_bytes(20)])


def _body(connected: socket.socket) -> bytes:
    """Read one request whole; return its body. Raises `ConnectionError` where whoever asks was killed meanwhile."""
    with connected.makefile("rb") as stream:
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = stream.read(length)
    if not body or len(body) < length:
        raise ConnectionError("a request was cut off")
    return body


def _answer(connected: socket.socket, kind: str, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    connected.sendall(head.encode() + body)


def _serial(site: Issued) -> bytes:
    return site.certificate.serial_number.to_bytes(20)


def _extensions(name: str) -> list[tuple[ExtensionType, bool]]:
    return leaf_extensions(SERVER_AUTH, [name], ocsp_url=f"http://{_RESPONDER}/")
