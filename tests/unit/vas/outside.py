"""A VAS with everything behind its HTTP interface; only other hosts are played, and every contact with one takes time.

vas = make(hold=3 * DAY)                    # the VA of birch, by the fixture of conftest.py
vas.outside.shown[ONE] = OTHER.chain_der     # what an address shows, or the error of its handshake
vas.ask(REQUEST, "192.0.2.7").status_code    # by way of a proxy
vas.refused(replace(REQUEST, port=22))       # (403, "address-refused", {the problem document})
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from mecai.probing.handshake import ProbeError
from mecai.probing.lookups import Records, RecordType
from mecai.probing.offer import KeyType, Offer
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from mecai.service.deadline import Deadline
from mecai.service.web import PROBLEM_TYPE
from mecai.vas.assembly import Assembly
from mecai.vas.http.app import REQUEST_TYPE
from mecai.vas.storage.tables import CERTIFICATES, VOUCHERS
from tests.directories import directory
from tests.pki import NOW
from tests.responders import Online, Responders

ALDER, BIRCH, CEDAR = Online("alder"), Online("birch"), Online("cedar")
SITE = ALDER.server("www.example.test")
OTHER = CEDAR.server("www.example.test")
ONE, TWO = address_octets("198.18.0.1"), address_octets("2001:db8::1")
REQUEST = VoucherRequest(SITE.der, SITE.chain_der[1:], (ONE, TWO), 443)
MOZ = directory(ALDER, BIRCH)

SECOND = timedelta(seconds=1)
# When the first request of a VAS is probed: site, issuing CA and VA were asked for, a second each.
PROBED = NOW + 3 * SECOND


@dataclass
class Outside:
    """The other hosts and the clocks: what each address shows, what responders say, what time it is."""

    now: datetime = NOW
    seconds: float = 0.0  # the monotonic clock, which stands still unless a test moves it,
    tick: float = 0.0  # once or at each look
    ahead: timedelta = timedelta()  # of the database's clock, that of the VAS
    fetching: timedelta = SECOND  # how long each question to a responder takes
    probing: timedelta = 2 * SECOND  # how long each handshake takes
    responders: Responders = field(default_factory=lambda: Responders(ALDER, BIRCH, CEDAR))
    shown: dict[bytes, tuple[bytes, ...] | ProbeError] = field(default_factory=dict)
    probes: list[tuple[bytes, int, str | None]] = field(default_factory=list)
    texts: dict[str, tuple[bytes, ...] | OSError] = field(default_factory=dict)  # TXT records by name
    meanwhile: Callable[[bytes], None] = field(default=lambda _: None)  # what else happens while an address is probed
    _lock: Lock = field(default_factory=Lock)

    def monotonic(self) -> float:
        """Look at the monotonic clock."""
        self.seconds += self.tick
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.seconds += seconds
        self.now += timedelta(seconds=seconds)

    def fetch(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """Let a responder answer."""
        self._pass(self.fetching)
        return self.responders(url, limit, body=body, content_type=content_type)

    def look(self, name: str, kind: RecordType, deadline: Deadline) -> Records:
        """Return what the DNS says."""
        assert (kind, 0 < deadline.left() <= 30) == (RecordType.TXT, True)
        said = self.texts.get(name, ())
        if isinstance(said, OSError):
            raise said
        return tuple(("", text) for text in said)

    def probe(
        self, address: bytes, port: int, server_name: str | None, offer: Offer, deadline: Deadline
    ) -> tuple[bytes, ...]:
        """Show what the address shows."""
        assert offer.key_type is KeyType.P256
        assert 0 < deadline.left() <= 30
        self._pass(self.probing)
        self.probes.append((address, port, server_name))
        self.meanwhile(address)
        shown = self.shown.get(address, SITE.chain_der)
        if isinstance(shown, ProbeError):
            raise shown
        return shown

    def _pass(self, span: timedelta) -> None:
        with self._lock:
            self.now += span


@dataclass
class Vas:
    """The VA of birch, with a client of its HTTP interface."""

    server: Assembly
    http: FlaskClient
    outside: Outside

    def ask(
        self,
        asked: VoucherRequest | bytes = REQUEST,
        requester: str = "192.0.2.7",
        *,
        content_type: str = REQUEST_TYPE,
    ) -> TestResponse:
        """Send a request by way of a proxy."""
        body = asked if isinstance(asked, bytes) else asked.encode()
        headers = {"X-Forwarded-For": requester}
        return self.http.post("/v1/vouchers", data=body, content_type=content_type, headers=headers)

    def refused(self, asked: VoucherRequest | bytes = REQUEST) -> tuple[int, str, dict[str, Any]]:
        """Send a request that is refused; return status, code and the problem document, without the request's id."""
        response = self.ask(asked)
        assert response.content_type == PROBLEM_TYPE
        document = json.loads(response.data)
        assert document["status"] == response.status_code
        assert document.pop("requestId") == response.headers["X-Request-Id"]
        return response.status_code, document["type"].rpartition("/")[2], document

    def rows(self) -> tuple[int, int]:
        """Count both logs: certificates, vouchers."""
        with self.server.engine.connect() as connection:
            counts = [
                connection.execute(select(func.count()).select_from(t)).scalar_one() for t in (CERTIFICATES, VOUCHERS)
            ]
        return counts[0], counts[1]

    def released(self) -> list[str]:
        """Return what ended holds early."""
        early = select(CERTIFICATES.c.released_by).where(CERTIFICATES.c.released.isnot(None))
        with self.server.engine.connect() as connection:
            return list(connection.execute(early).scalars())


Make = Callable[..., Vas]
