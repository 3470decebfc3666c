"""A running server of the scene's site, and what its handshakes bring."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from mecai.protocol.codec.tls_request import RequestExtension
from tests.integration.nginx_module.server import Nginx
from tests.integration.nginx_module.tls import ask
from tests.patience import SECONDS
from tests.ports import free_port
from tests.scene import Scene, authority_entry


class Site:
    """A running server of the scene's site, asked for birch's voucher."""

    def __init__(self, nginx: Nginx, scene: Scene) -> None:
        self.nginx, self.scene = nginx, scene
        self.authority = authority_entry(scene.birch).authority
        self.port = free_port()
        self.request = RequestExtension(1, (self.authority,)).encode()

    def start(self) -> None:
        """Start nginx."""
        self.nginx.start(self.nginx.server(self.port, self.scene.site, options="voucher_max_size 64000;"))

    def served(self) -> bytes | None:
        """Return the voucher that one handshake brings."""
        vouchers = ask(self.port, self.request).vouchers
        return vouchers[0] if vouchers else None

    @staticmethod
    def now() -> datetime:
        """Return the time, which the workers share, in whole seconds."""
        return datetime.now(UTC).replace(microsecond=0)

    def put(self, der: bytes, *, age: int = 0) -> None:
        """Rename a file, of so many seconds, into birch's place."""
        self.nginx.staples.voucher(self.scene.site, self.authority, der, age=age)

    def settle(self, expected: bytes | None) -> None:
        """Shake hands until every worker serves this."""
        self.until(lambda: {self.served() for _ in range(12)} == {expected})

    def until(self, condition: Callable[[], bool]) -> None:
        """Shake hands until the condition holds."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, f"still {self.served()!r}\n{self.nginx.log}"
            self.served()
