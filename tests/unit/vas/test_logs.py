"""The logs and their database, in SQLite: what is kept, and until when."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Table, create_engine, func, select, update
from sqlalchemy.exc import IntegrityError

from mecai.errors import HostError, InputError
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.service.migration import is_of_the_service
from mecai.vas.storage.certificates import SETTLED_AFTER, CertificateLog
from mecai.vas.storage.database import SCHEMA, migrate, open_database, require_ready
from mecai.vas.storage.known import KnownRequests
from mecai.vas.storage.sweep import Sweep
from mecai.vas.storage.tables import CERTIFICATES, METADATA, OUTBOX, REQUESTS, VOUCHERS
from mecai.vas.storage.vouchers import Edition, Recorded, VoucherLog
from tests.pki import DAY, HOUR, NOW, Hierarchy
from tests.statements import asked

ALDER = Hierarchy("alder")
ASKING = "192.0.2.1"
SITE = VoucherRequest(ALDER.server("www.example.test", days=90).der, (), (bytes(4),), 443)
OTHER = VoucherRequest(ALDER.server("other.example.test", days=300).der, (), (bytes(4),), 443)
INFO = VoucherInfo(
    authority=bytes(8),
    serial_number=7,
    certificate_hash=bytes(32),
    intermediate_hashes=(),
    addresses=(bytes(4),),
    probed_port=443,
    this_update=NOW,
    next_update=NOW + DAY,
    trust_contexts=(),
    intermediates_matched=True,
    perspectives=1,
    status_evidence=(StatusEvidence(bytes(32), EvidenceMethod.OCSP, NOW - HOUR, NOW + DAY, bytes(32)),),
)


def voucher_for(certificate: bytes) -> VoucherInfo:
    """Return what a voucher says for the certificate of this hash."""
    (evidence,) = INFO.status_evidence
    return replace(
        INFO, certificate_hash=certificate, status_evidence=(replace(evidence, certificate_hash=certificate),)
    )


@pytest.fixture
def log(engine: Engine) -> CertificateLog:
    return CertificateLog(engine)


@pytest.fixture
def vouchers(engine: Engine) -> VoucherLog:
    return VoucherLog(engine, reach=400 * DAY)


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


# Of SQLite; what PostgreSQL has is compared whole.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrations_make_the_schema_of_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_of_the_service})
        assert compare_metadata(context, METADATA) == []


def test_migrating_twice_is_migrating_once(engine: Engine) -> None:
    migrate(engine)
    require_ready(engine)


def test_a_database_without_schema_is_not_ready(new: Engine) -> None:
    with pytest.raises(HostError, match=f"schema is empty, expected {SCHEMA.head}; run `mecai vas migrate`"):
        require_ready(new)


def test_a_database_out_of_reach_is_named(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/none/vas.sqlite")
    for step in (migrate, require_ready):
        with pytest.raises(HostError, match="unable to open database file"):
            step(engine)


def test_a_wrong_url_is_named() -> None:
    with pytest.raises(InputError, match="database: 'sqlit:' cannot be used"):
        open_database("sqlit:")


@pytest.mark.parametrize("url", ["postgresql+none://mecai:hunter2@db/vas", "postgresql+none://mecai:hun@ter2@db/vas"])
def test_no_complaint_tells_the_password(url: str) -> None:
    with pytest.raises(InputError) as caught:
        open_database(url)
    assert "'postgresql+none://mecai:***@db/vas'" in str(caught.value)
    assert "ter2" not in str(caught.value)


def test_first_sight_stays_the_first(log: CertificateLog) -> None:
    assert log.sight(SITE, ASKING, NOW).first_seen == NOW
    assert log.sight(SITE, ASKING, NOW + DAY).first_seen == NOW


def test_a_certificate_leaves_the_log_when_it_expires(engine: Engine, log: CertificateLog) -> None:
    log.sight(SITE, ASKING, NOW)
    log.sight(OTHER, ASKING, NOW + 90 * DAY)
    assert (count(engine, CERTIFICATES), count(engine, REQUESTS)) == (2, 2)
    log.sight(OTHER, ASKING, NOW + 91 * DAY)
    assert (count(engine, CERTIFICATES), count(engine, REQUESTS)) == (1, 1)


def test_a_first_sight_is_to_be_told_once(engine: Engine, log: CertificateLog) -> None:
    for day in range(2):
        log.sight(SITE, ASKING, NOW + day * DAY)
    with engine.connect() as connection:
        (message,) = connection.execute(select(OUTBOX)).all()
    assert (message.kind, message.key, message.due) == ("first-sight", SITE.hashes[0].hex(), NOW + SETTLED_AFTER)
    assert json.loads(message.body) == {
        "certificate": SITE.hashes[0].hex(),
        "requester": ASKING,
        "addresses": ["0.0.0.0"],  # noqa: S104 - an address like another
        "port": 443,
    }


def test_who_asked_is_noted_and_of_too_many_the_newest(engine: Engine, log: CertificateLog) -> None:
    for second in range(150):
        log.sight(SITE, f"192.0.2.{second}", NOW + timedelta(seconds=second))
    log.sight(SITE, "192.0.2.149", NOW + DAY)
    with engine.connect() as connection:
        rows = connection.execute(select(REQUESTS).order_by(REQUESTS.c.first)).all()
    assert [row.requester for row in rows] == [f"192.0.2.{second}" for second in range(50, 150)]
    assert (rows[-1].first, rows[-1].last) == (NOW + timedelta(seconds=149), NOW + DAY)


def test_who_asks_for_what_is_known_is_noted_in_two_statements(engine: Engine, log: CertificateLog) -> None:
    log.sight(SITE, ASKING, NOW)
    log.note(SITE, ASKING, NOW + HOUR)
    with asked(engine) as statements:
        log.note(SITE, "192.0.2.99", NOW + HOUR)
    assert [statement.split()[0] for statement, _ in statements] == ["INSERT", "SELECT"]
    with engine.connect() as connection:
        rows = connection.execute(select(REQUESTS).order_by(REQUESTS.c.first)).all()
    assert [(row.requester, row.first, row.last) for row in rows] == [
        (ASKING, NOW, NOW + HOUR),
        ("192.0.2.99", NOW + HOUR, NOW + HOUR),
    ]


@pytest.mark.parametrize(("asking", "kept"), [(110, 110), (111, 100), (112, 101)])
def test_of_too_many_who_ask_for_what_is_known_the_oldest_are_forgotten_now_and_then(
    engine: Engine, log: CertificateLog, asking: int, kept: int
) -> None:
    log.sight(SITE, "192.0.2.0", NOW)
    for second in range(1, asking):
        log.note(SITE, f"192.0.2.{second}", NOW + timedelta(seconds=second))
    with engine.connect() as connection:
        rows = connection.execute(select(REQUESTS).order_by(REQUESTS.c.first)).all()
    assert [row.requester for row in rows] == [f"192.0.2.{second}" for second in range(asking - kept, asking)]


def test_vouchers_outlive_their_certificate_but_not_the_reach_of_the_log(engine: Engine, vouchers: VoucherLog) -> None:
    vouchers.record(INFO, b"voucher", "192.0.2.1", ["vas"])
    later = replace(INFO, serial_number=8, this_update=NOW + 401 * DAY, next_update=NOW + 402 * DAY)
    vouchers.record(later, b"voucher", "192.0.2.1", ["vas"])
    assert count(engine, VOUCHERS) == 1


def test_a_serial_number_is_used_once(vouchers: VoucherLog) -> None:
    vouchers.record(INFO, b"voucher", "192.0.2.1", ["vas"])
    with pytest.raises(IntegrityError):
        vouchers.record(replace(INFO, this_update=NOW + timedelta(seconds=1)), b"voucher", "192.0.2.1", ["vas"])


def test_what_is_too_old_is_looked_for_once_a_minute() -> None:
    sweep = Sweep()
    seconds = [0, 0, 59, 60, 61, -3600, -3599]  # a clock that was set back begins anew
    moments = [NOW + timedelta(seconds=each) for each in seconds]
    assert [sweep.due(moment) for moment in moments] == [True, False, False, True, False, True, False]


def test_a_voucher_is_on_disk_when_it_is_recorded(engine: Engine, vouchers: VoucherLog) -> None:
    """Another connection sees it, with none of this one given back."""
    vouchers.record(INFO, b"voucher", "192.0.2.1", ["vas"])
    other = create_engine(engine.url) if engine.dialect.name == "sqlite" else engine
    with other.connect() as connection:
        assert connection.execute(select(func.count()).select_from(VOUCHERS)).scalar_one() == 1
    if other is not engine:
        other.dispose()


def test_what_is_known_of_a_request_is_asked_in_one_statement(
    engine: Engine, log: CertificateLog, vouchers: VoucherLog
) -> None:
    content, requests = bytes(31) + b"c", KnownRequests(engine)
    assert requests.find(SITE, ASKING, content) is None
    log.sight(SITE, ASKING, NOW)
    with engine.begin() as connection:
        connection.execute(update(CERTIFICATES).values(disputed=NOW))
    vouchers.record(INFO, b"first", ASKING, ("north", "east"), Edition(content, 1, NOW + HOUR))
    second = replace(INFO, serial_number=8, this_update=NOW + HOUR)
    vouchers.record(second, b"second", ASKING, ("north",), Edition(content, 2, NOW + 2 * HOUR))
    with asked(engine) as statements:
        known = requests.find(SITE, ASKING, content)
    assert [statement.split()[0] for statement, _ in statements] == ["SELECT"]
    assert known
    assert (known.logged.disputed, known.noted) == (NOW, NOW)
    edition = Edition(content, 2, NOW + 2 * HOUR)
    assert known.voucher == Recorded(b"second", ("north",), NOW + HOUR, edition)
    assert [known.is_noted(NOW + timedelta(minutes=minutes)) for minutes in (-1, 0, 4, 5)] == [False, True, True, False]
    other = requests.find(SITE, "192.0.2.99", bytes(32))
    assert other
    assert (other.noted, other.voucher) == (None, None)


@pytest.mark.parametrize(("minutes", "young"), [(-6, False), (-5, True), (0, True), (9, True), (10, False)])
def test_a_voucher_is_young_for_a_while(minutes: int, young: bool) -> None:
    """One of a clock that was ahead is not, if a client would refuse it."""
    edition = Edition(bytes(32), 1, NOW + timedelta(minutes=10))
    assert Recorded(b"voucher", (), NOW, edition).is_young(NOW + timedelta(minutes=minutes)) is young


def test_an_edition_is_recorded_once(engine: Engine, vouchers: VoucherLog) -> None:
    first, second = (Edition(bytes(32), number, NOW + HOUR) for number in (1, 2))
    later = replace(INFO, serial_number=8)
    assert vouchers.record(INFO, b"voucher", ASKING, (), first)
    assert not vouchers.record(later, b"voucher", ASKING, (), first)
    assert count(engine, VOUCHERS) == 1
    assert vouchers.record(later, b"voucher", ASKING, (), second)


def test_of_many_that_record_one_edition_at_once_one_does(engine: Engine, vouchers: VoucherLog) -> None:
    edition, start = Edition(bytes(32), 1, NOW + HOUR), Barrier(8, timeout=60)

    def once(number: int) -> bool:
        start.wait()
        return vouchers.record(replace(INFO, serial_number=number), b"voucher", ASKING, (), edition)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(once, range(1, 9))) == 1
    assert count(engine, VOUCHERS) == 1


def test_what_is_disputed_by_now_is_not_recorded(engine: Engine, log: CertificateLog, vouchers: VoucherLog) -> None:
    log.sight(SITE, ASKING, NOW)
    evidence = (StatusEvidence(SITE.hashes[0], EvidenceMethod.OCSP, NOW - HOUR, NOW + DAY, bytes(32)),)
    info = replace(INFO, certificate_hash=SITE.hashes[0], status_evidence=evidence)
    assert vouchers.record(info, b"voucher", ASKING, ())
    with engine.begin() as connection:
        connection.execute(update(CERTIFICATES).values(disputed=NOW))
    assert not vouchers.record(replace(info, serial_number=8), b"voucher", ASKING, ())
    assert count(engine, VOUCHERS) == 1


def test_a_hold_that_was_ended_within_a_second_is_over_in_that_second(log: CertificateLog) -> None:
    """A moment is kept as all clocks here have it: in whole seconds, and never later than it was."""
    site = Hierarchy("alder").server("www.example.test")
    request = VoucherRequest(site.der, site.chain_der[1:], (bytes((198, 51, 100, 1)),), 443)
    log.sight(request, "192.0.2.1", NOW)
    log.release(request.hashes[0], NOW + timedelta(seconds=7, microseconds=999_999), "expedite")
    found = log.find(request.hashes[0])
    assert found is not None
    assert found.released == NOW + timedelta(seconds=7)
