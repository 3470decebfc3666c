"""A TLS server on loopback for tests: shows the certificates it is given and keeps a history of what it met."""

import select
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.patience import SECONDS
from tests.pki import Issued


@dataclass(frozen=True)
class Met:
    """One finished handshake: SNI, protocol version, and every octet of application data until the peer closed."""

    server_name: str | None
    version: str | None
    data: bytes


class TlsServer:
    """Serves one identity per key type; successive handshakes take successive sets, and the last set stays."""

    def __init__(
        self,
        *sets: Sequence[Issued],
        address: str = "127.0.0.1",
        port: int = 0,
        version: ssl.TLSVersion | None = None,
    ) -> None:
        self._sets = [_context(identities, version) for identities in sets]
        self._names: list[str | None] = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._history: list[Met] = []
        self._meeting = threading.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    @property
    def history(self) -> list[Met]:
        """Whom it met: also those who came a moment ago and whom it is still with."""
        while self._thread.is_alive() and _somebody_is_at(self._listener):
            time.sleep(0)  # to the thread that takes them; each of them is in the backlog until it has
        with self._meeting:
            return list(self._history)

    def _serve(self) -> None:
        for turn in range(1 << 30):
            _somebody_is_at(self._listener, None)
            with self._meeting:
                try:
                    plain, _ = self._listener.accept()
                except OSError:
                    return
                context = self._sets[min(turn, len(self._sets) - 1)]
                with plain:
                    self._meet(context, plain)

    def _meet(self, context: ssl.SSLContext, plain: socket.socket) -> None:
        names: list[str | None] = []
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        plain.settimeout(SECONDS)
        try:
            with context.wrap_socket(plain, server_side=True) as secure:
                self._history.append(Met(names[-1], secure.version(), secure.recv(4096)))
        except OSError:
            return


def _somebody_is_at(door: socket.socket, seconds: float | None = 0) -> bool:
    return bool(select.select([door], [], [], seconds)[0])


def _context(identities: Sequence[Issued], version: ssl.TLSVersion | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    with tempfile.TemporaryDirectory() as folder:
        for identity in identities:
            path = Path(folder, "identity.pem")
            path.write_bytes(identity.key_pem + identity.chain_pem)
            context.load_cert_chain(path)
    return context
