"""Many requests while each part of a VAS is killed (kill -9) in turn, and what is left of it at the end.

By default so many requests as `make test` has time for; `make faults` makes it 10,000 (docs/voucher-authority.md).
"""

import email
import http.client
import itertools
import json
import logging
import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from mecai.protocol.codec.strict_json import TIME
from mecai.protocol.objects.request import VoucherRequest
from mecai.vas.http.app import REQUEST_TYPE
from mecai.vas.storage.database import open_database
from mecai.vas.storage.outbox import Outbox
from mecai.vas.storage.tables import ADDRESSES, CERTIFICATES, VOUCHERS
from testbed.machine.waiting import until
from tests.integration.faults.scene import NETWORK, Scene, scene
from tests.integration.faults.supervisor import SECONDS
from tests.integration.vouching import run

LOG = logging.getLogger(__name__)
REQUESTS = int(os.environ.get("FAULTS_REQUESTS", "1000"))
SITES = 50 if REQUESTS <= 1000 else 100  # each with a certificate and an owner
HOLD = 4  # seconds
CLIENTS = 8
PATIENCE = 180.0  # seconds that a request is made again and again before this test fails
PAUSE = 0.1  # seconds between
ELSEWHERE = "at new addresses"  # how the subject of a mail ends (docs/spec H10)
# What is killed, in this order, again and again: those for mail first, for new certificates come in the first half.
VICTIMS = ("relay", "registry", "work", "postgresql", "signer", "a worker of the VAS", "agent", "vas")
KILLS = len(VICTIMS) * max(1, round(REQUESTS / 5000))
# What a client may be told meanwhile, and nothing else; "" is a connection that broke. A probe has 5 seconds (docs/spec
# P2), which are over on a machine that is busy enough.
DOCUMENTED = {"", "overloaded", "perspectives-disagree", "handshake-failed"}


@dataclass
class Told:
    """What clients were told of certificates, and how long after each kill there was a voucher."""

    vouchers: list[tuple[bytes, datetime, bytes]] = field(default_factory=list)  # and when they came
    holds: list[tuple[bytes, datetime]] = field(default_factory=list)  # and their ends
    refusals: Counter[str] = field(default_factory=Counter)
    recovered: dict[str, float] = field(default_factory=dict)


class Clients:
    """Ask everything once, each request until it is answered with a voucher or a hold; kill at settled counts."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.told = Told()
        self._lock = threading.Lock()
        self._done = 0
        count = len(scene.requests)
        self._kills = {count * (place + 1) // (KILLS + 1) for place in range(KILLS)}
        self._victims = itertools.cycle(VICTIMS)
        self._killed: dict[str, float] = {}

    def run(self) -> Told:
        """Ask for everything, several at a time."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in pool.map(self._ask, range(len(self.scene.requests)), self.scene.requests):
                pass
        return self.told

    def _ask(self, turn: int, body: bytes) -> None:
        requester = f"{NETWORK}.{200 + turn % CLIENTS}"
        end = time.monotonic() + PATIENCE
        while True:
            begun = time.monotonic()
            status, answer = self._once(body, requester)
            if status in {200, 202}:
                break
            with self._lock:
                self.told.refusals[json.loads(answer)["type"].rpartition("/")[2] if status else ""] += 1
            assert time.monotonic() < end, (status, answer)
            time.sleep(PAUSE)  # as a server does that is told to come back: it goes on, with more load than before
        self._note(body, status, answer, begun)

    def _once(self, body: bytes, requester: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.scene.world.vas_port, timeout=60, source_address=(requester, 0)
        )
        try:
            connection.request("POST", "/v1/vouchers", body, {"Content-Type": REQUEST_TYPE})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def _note(self, body: bytes, status: int, answer: bytes, begun: float) -> None:
        certificate, now = VoucherRequest.decode(body).hashes[0], datetime.now(UTC)
        with self._lock:
            if status == 200:
                self.told.vouchers.append((certificate, now, answer))
                self._note_recovery(begun)
            else:
                end = datetime.strptime(json.loads(answer)["holdEnd"], TIME).replace(tzinfo=UTC)
                self.told.holds.append((certificate, end))
            self._done += 1
            if self._done in self._kills:
                self._kill(next(self._victims))

    def _kill(self, victim: str) -> None:
        if victim == "a worker of the VAS":
            self.scene.supervisor.kill_child("vas")
        else:
            self.scene.supervisor.kill(victim)
        self._killed[victim] = time.monotonic()

    def _note_recovery(self, begun: float) -> None:
        """Note how long after a kill the first request came to its voucher that was made after it."""
        now = time.monotonic()
        for victim in [name for name, killed in self._killed.items() if killed < begun]:
            took = now - self._killed.pop(victim)
            self.told.recovered[victim] = max(took, self.told.recovered.get(victim, 0.0))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("faults"), SITES, REQUESTS // SITES, HOLD) as running:
        yield running


@pytest.fixture(scope="module")
def told(played: Scene) -> Told:
    return Clients(played).run()


@pytest.fixture
def engine(played: Scene, told: Told) -> Iterator[Engine]:
    assert told.vouchers
    engine = open_database(played.database)
    yield engine
    engine.dispose()


def test_every_voucher_that_was_handed_out_is_in_the_log(told: Told, engine: Engine) -> None:
    with engine.connect() as connection:
        logged = set(connection.execute(select(VOUCHERS.c.der)).scalars())
    assert {der for _, _, der in told.vouchers} <= logged
    assert len(told.vouchers) > REQUESTS // 2


def test_every_hold_that_was_told_is_in_the_log_as_it_was_told_and_was_kept(told: Told, engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.execute(select(CERTIFICATES.c.hash, CERTIFICATES.c.first_seen)).all()
    ends = {row.hash: row.first_seen + timedelta(seconds=HOLD) for row in rows}
    assert len(rows) == SITES
    assert {(certificate, ends[certificate]) for certificate, _ in told.holds} == set(told.holds)
    assert len({certificate for certificate, _ in told.holds}) > SITES // 2  # of others a kill lost the answer
    assert all(ends[certificate] <= came for certificate, came, _ in told.vouchers)


def test_nothing_was_said_that_is_not_documented(told: Told) -> None:
    assert set(told.refusals) <= DOCUMENTED


def test_each_part_came_back_by_itself(played: Scene, told: Told) -> None:
    LOG.info("%s vouchers, %s holds; refused: %s", len(told.vouchers), len(told.holds), dict(told.refusals))
    LOG.info("seconds to the next voucher: %s", {name: round(took, 1) for name, took in told.recovered.items()})
    assert told.recovered.keys() == set(VICTIMS)
    until(played.ready, SECONDS, lambda: "the server is not ready again")


@pytest.fixture(scope="module")
def mails(played: Scene, told: Told) -> list[tuple[Path, Message]]:
    """Return all mails, when everything is done that was put off."""
    assert told.vouchers
    played.supervisor.end("work")
    for hours in (25, 26):  # at the end of the day; what waited for a mail of that time, a minute later
        played.work_later(hours)
    return [(path, email.message_from_bytes(path.read_bytes())) for path in played.mails.glob("*.eml")]


def test_each_owner_was_told_of_each_certificate_once(mails: list[tuple[Path, Message]], engine: Engine) -> None:
    assert not Outbox(engine).waiting()
    first = [mail for _, mail in mails if not mail["Subject"].endswith(ELSEWHERE)]
    messages = {(mail["To"], mail["Subject"].rpartition(" ")[2]): set[str]() for mail in first}
    for mail in first:
        messages[mail["To"], mail["Subject"].rpartition(" ")[2]].add(mail["Message-ID"])
    LOG.info("%s mails, of which %s were handed over once more", len(first), len(first) - len(messages))
    assert len(messages) == SITES
    assert all(len(ids) == 1 for ids in messages.values())
    assert len(first) - SITES <= KILLS  # handed over once more under the same Message-ID, at most


def test_each_owner_was_told_of_each_further_address_once(
    played: Scene, mails: list[tuple[Path, Message]], engine: Engine, tmp_path: Path
) -> None:
    """By one mail or two for each certificate and day; openssl takes every one."""
    asked = {address for body in played.requests for address in VoucherRequest.decode(body).addresses}
    texts = {mail["Message-ID"]: (mail["To"], text_of(path, played, tmp_path)) for path, mail in mails
             if mail["Subject"].endswith(ELSEWHERE)}  # fmt: skip
    told: dict[str, list[str]] = {}
    for to, text in texts.values():
        told.setdefault(to, []).extend(re.findall(r"^  (\S+) since", text.partition("known before:")[0], re.MULTILINE))
    assert len(told) == SITES
    with engine.connect() as connection:
        days = {first.date() for first in connection.execute(select(ADDRESSES.c.first)).scalars()}
    assert len(texts) <= 2 * SITES * len(days)
    for addresses in told.values():
        assert len(addresses) == len(set(addresses)) == len(asked) - 1
        assert set(addresses) <= set(map(socket.inet_ntoa, asked))


def text_of(mail: Path, played: Scene, folder: Path) -> str:
    """Return what a mail says, if openssl takes its signature."""
    roots, text = ("-CAfile", str(played.world.birch.root)), folder / "text"
    run("openssl", "cms", "-verify", "-purpose", "smimesign", "-in", mail, *roots, "-out", text)
    return text.read_bytes().decode().replace("\r\n", "\n")
