"""A VAS on a real PostgreSQL: the tests of its rooms once more, and what several nodes do to one database."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from alembic.config import Config
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from mecai.errors import InputError, MecaiError
from mecai.net.web import Document
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import hash_of
from mecai.service import database, migration
from mecai.vas.config import ContextSource
from mecai.vas.storage.addresses import ELSEWHERE, AddressLog
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.complaints import ComplaintLog, Decision, Objection
from mecai.vas.storage.database import SCHEMA, migrate, open_database, require_ready
from mecai.vas.storage.digests import UNTOLD
from mecai.vas.storage.directories import DirectoryLog
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from mecai.vas.storage.mails import MAIL, PER_DAY, Mails
from mecai.vas.storage.tables import ADDRESSES, CERTIFICATES, OUTBOX
from mecai.vas.trust.directories import Directories
from mecai.vas.trust.refresh import refresh
from tests.directories import PUBLISHER, directory, signed
from tests.integration.postgresql import postgresql
from tests.pki import HOUR, NOW, Hierarchy

ROOT = Path(__file__).resolve().parents[2]
# What speaks with the database; the rest of the room would only be done twice.
SUITE = (
    *("digests", "distrust", "exceptions", "incidents", "logs", "migrations", "notify", "objections", "readiness"),
    *("elsewhere", "objection_news", "report_feed", "reports", "reports_passed_on", "reports_spread", "reuse"),
    *("rolling_upgrade", "shared_quotas"),
)
LEAST = 150  # tests of it: fewer would mean that it was not found
SECONDS = 600  # for the whole of it, on a machine that is busy
ALDER = Hierarchy("alder")
AT_ONCE = 8


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run a server; give the URL of its database."""
    with postgresql("fsync=off") as url:
        yield url


def test_the_rooms_of_a_vas(url: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"tests/unit/vas/test_{name}.py" for name in SUITE)],
        cwd=ROOT,
        env=os.environ | {"VAS_TEST_DATABASE": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", ran.stdout.strip().splitlines()[-1])}
    assert counts["passed"] >= LEAST
    assert counts["skipped"] == 1  # the disk of an SQLite file


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Give the database with its schema."""
    engine = open_database(url)
    migrate(engine)
    require_ready(engine)
    yield engine
    engine.dispose()


def test_of_many_that_fetch_at_once_the_newest_stays(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    source = ContextSource("MOZ", tmp_path / "publishers.pem", url="https://publisher.example/moz.der")
    files = [signed(directory(ALDER, sequence=1 + place)) for place in range(AT_ONCE)]
    barrier = Barrier(AT_ONCE, timeout=60)

    def once(place: int) -> int | str:
        def fetch(_source: ContextSource, _etag: str) -> Document:
            barrier.wait()
            return Document(files[place], "")

        try:
            return refresh(source, DirectoryLog(engine), lambda: NOW, fetch).directory.sequence
        except MecaiError as error:
            return str(error).partition(" ")[0]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(once, range(AT_ONCE)))
    assert all(said in {1 + place, "directory-rollback"} for place, said in enumerate(told))
    assert Directories((source,), engine).in_force(NOW)[0].sequence == AT_ONCE


def at_once(works: int, do: Callable[[int], bool | None]) -> list[bool | None]:
    """Do so many works from as many threads as there may be workers."""
    barrier = Barrier(AT_ONCE, timeout=60)

    def work(place: int) -> list[bool | None]:
        barrier.wait()
        return [do(each) for each in range(place, works, AT_ONCE)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [done for each in pool.map(work, range(AT_ONCE)) for done in each]


def test_workers_that_put_mails_in_at_the_same_moment_keep_the_bounds(engine: Engine) -> None:
    """Those of two domains, which name both addresses in either order."""
    mails, domains = Mails(engine), ("bound.test", "bound.example")
    contacts = ["owner@bound.test", "other@bound.test"]

    def see(number: int) -> None:
        mails.put(domains[number % 2], contacts[:: 1 if number % 3 else -1], {"certificate": f"{number:064x}"}, NOW)

    at_once(60, see)
    with engine.connect() as connection:
        kinds = select(OUTBOX.c.topic, func.count()).where(OUTBOX.c.kind == MAIL, OUTBOX.c.topic.in_(domains))
        assert dict(connection.execute(kinds.group_by(OUTBOX.c.topic)).all()) == dict.fromkeys(domains, PER_DAY)
        untold = select(func.count()).where(OUTBOX.c.kind == UNTOLD, OUTBOX.c.topic.in_(contacts))
        assert connection.execute(untold).scalar_one() == 2 * 60 - 2 * PER_DAY


def test_workers_that_tell_one_ca_at_the_same_moment_keep_the_bound(engine: Engine) -> None:
    mails = Mails(engine)

    def tell(number: int) -> bool:
        body = {"certificate": f"{number:064x}", "domain": "bound.test"}
        return mails.put_to_ca("notary@cedar.test", body, NOW)

    assert sum(map(bool, at_once(60, tell))) == PER_DAY


def test_of_nodes_that_see_a_certificate_at_the_same_moment_one_has_the_first_sight(engine: Engine) -> None:
    """What another one saw is new, and told: it waits for what the first makes of it."""
    site, log = ALDER.server("moved.test"), AddressLog(engine)
    request = VoucherRequest(site.der, site.chain_der[1:], (bytes([198, 18, 0, 1]),), 443)
    CertificateLog(engine).sight(request, "192.0.2.7", NOW)
    name = request.hashes[0]
    row = {"certificate_hash": name, "address": "198.18.0.1", "first": NOW, "told": "at first"}
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as first:
            first.execute(select(CERTIFICATES.c.hash).where(CERTIFICATES.c.hash == name).with_for_update())
            second = pool.submit(log.note, name, [bytes([198, 18, 0, 2])], "192.0.2.7", NOW)
            with pytest.raises(TimeoutError):
                second.result(0.5)
            first.execute(insert(ADDRESSES), row)
        second.result(60)
    assert [each.address for each in log.take(name, "notice").new] == ["198.18.0.2"]
    with engine.connect() as connection:
        keys = select(OUTBOX.c.key).where(OUTBOX.c.kind == ELSEWHERE, OUTBOX.c.key.startswith(name.hex()))
        assert connection.execute(keys).scalars().all() == [f"{name.hex()} {NOW:%Y-%m-%d}"]


def test_a_refusal_is_said_once(engine: Engine) -> None:
    key, log = RefusedKey(bytes(32), None, NOW, "operator", "its key was stolen"), DistrustLog(engine)
    log.add(key)
    with pytest.raises(InputError, match="is distrusted already"):
        log.add(key)
    assert log.refuses({bytes(32)})
    log.remove(bytes(32))
    assert not log.refuses({bytes(32)})
    with pytest.raises(InputError, match="is not distrusted here"):
        log.remove(bytes(32))


def test_an_objection_that_was_dismissed_is_not_raised_again(engine: Engine) -> None:
    site, complaints, log = ALDER.server("www.example.test"), ComplaintLog(engine), CertificateLog(engine)
    log.sight(VoucherRequest(site.der, site.chain_der[1:], (bytes([198, 18, 0, 1]),), 443), "192.0.2.7", NOW)
    name = hash_of(site.certificate)
    objection = Objection(name, "www.example.test", "192.0.2.9")
    complaints.keep(objection, NOW)
    complaints.decide(name, Decision.DISMISSED, "it is his", NOW)
    assert complaints.keep(objection, NOW + HOUR).decision == Decision.DISMISSED
    found = log.find(name)
    assert found
    assert found.disputed is None


def test_connections_that_broke_while_they_lay_idle_cost_no_request(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", 0.0)
    log = DistrustLog(engine)
    for _ in range(2):
        assert not log.refuses({bytes(32)})
        with engine.connect() as first, engine.connect() as second:
            others = text("SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE pid = :pid")
            pid = second.scalar(text("SELECT pg_backend_pid()"))
            second.rollback()
            second.close()
            assert first.execute(others, {"pid": pid}).scalar_one()


def test_a_connection_that_breaks_in_use_costs_one_request_and_no_more(engine: Engine) -> None:
    log = DistrustLog(engine)
    with engine.connect() as first:
        pid = first.scalar(text("SELECT pg_backend_pid()"))
        with engine.connect() as second:
            second.execute(text("SELECT pg_terminate_backend(:pid, 20000)"), {"pid": pid})
        with pytest.raises(OperationalError):
            first.execute(text("SELECT 1"))
    assert not log.refuses({bytes(32)})


def test_of_connections_that_break_while_they_lie_for_a_moment_one_costs_a_request(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the server is started anew: that one broke tells of the others, which have not been idle for long."""
    monkeypatch.setattr(database, "IDLE_SECONDS", SECONDS)
    log = DistrustLog(engine)
    with engine.connect() as other:
        with engine.connect() as first, engine.connect() as second:
            pids = [each.scalar(text("SELECT pg_backend_pid()")) for each in (first, second)]
        for pid in pids:
            assert other.scalar(text("SELECT pg_terminate_backend(:pid, 20000)"), {"pid": pid})
    with pytest.raises(OperationalError) as failed:
        log.refuses({bytes(32)})
    assert failed.value.connection_invalidated
    assert not any(log.refuses({bytes(32)}) for _ in range(3))


def test_a_server_that_forgot_what_it_prepared_is_told_again(engine: Engine) -> None:
    """As psycopg has it forget all where a transaction is rolled back."""
    log = DistrustLog(engine)
    for _ in range(2):
        assert not log.refuses({bytes(32)})
        with engine.connect() as connection:
            connection.execute(text("DEALLOCATE ALL"))
    assert not log.refuses({bytes(32)})


def test_a_text_with_a_zero_in_it_is_no_shorter_one(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="0x00"):
        DirectoryLog(engine).digest("MOZ\0")


def test_what_is_given_back_in_a_transaction_is_rolled_back(engine: Engine) -> None:
    given = engine.raw_connection()
    connection: Any = given.dbapi_connection
    connection.execute("BEGIN")
    assert connection.info.transaction_status.name == "INTRANS"
    given.close()
    assert connection.info.transaction_status.name == "IDLE"


def test_no_statement_and_no_lock_is_waited_for_without_end(engine: Engine) -> None:
    with engine.connect() as connection:
        shown = {name: connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout")}
    assert shown == {"statement_timeout": "10s", "lock_timeout": "5s"}


def test_a_migration_takes_as_long_as_it_takes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, seen = open_database(url), []

    def upgrade(settings: Config, _revision: str) -> None:
        seen.append(settings.attributes["connection"].scalar(text("SHOW statement_timeout")))

    monkeypatch.setattr("alembic.command.upgrade", upgrade)
    migration.upgrade(engine, replace(SCHEMA, head="9001"))
    engine.dispose()
    assert seen == ["0"]
