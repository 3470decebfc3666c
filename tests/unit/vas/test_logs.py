"""The logs and their database, in SQLite: what is kept, and until when."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Table, func, select
from sqlalchemy.exc import IntegrityError

from mecai.errors import HostError, InputError
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.vas.storage.database import migrate, open_database, require_ready
from mecai.vas.storage.logs import Log
from mecai.vas.storage.tables import CERTIFICATES, METADATA, VOUCHERS
from tests.pki import DAY, HOUR, NOW, Hierarchy

ALDER = Hierarchy("alder")
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


@pytest.fixture
def log(engine: Engine) -> Log:
    return Log(engine, reach=400 * DAY)


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_migrations_make_the_schema_of_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_migrating_twice_is_migrating_once(engine: Engine) -> None:
    migrate(engine)
    require_ready(engine)


def test_a_database_without_schema_is_not_ready(new: Engine) -> None:
    with pytest.raises(HostError, match="schema is empty, expected 0002; run `mecai vas migrate`"):
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


def test_first_sight_stays_the_first(log: Log) -> None:
    assert log.sight(SITE, NOW) == NOW
    assert log.sight(SITE, NOW + DAY) == NOW


def test_a_certificate_leaves_the_log_when_it_expires(engine: Engine, log: Log) -> None:
    log.sight(SITE, NOW)
    log.sight(OTHER, NOW + 90 * DAY)
    assert count(engine, CERTIFICATES) == 2
    log.sight(OTHER, NOW + 91 * DAY)
    assert count(engine, CERTIFICATES) == 1


def test_vouchers_outlive_their_certificate_but_not_the_reach_of_the_log(engine: Engine, log: Log) -> None:
    log.record(INFO, b"voucher", "192.0.2.1")
    later = replace(INFO, serial_number=8, this_update=NOW + 401 * DAY, next_update=NOW + 402 * DAY)
    log.record(later, b"voucher", "192.0.2.1")
    assert count(engine, VOUCHERS) == 1


def test_a_serial_number_is_used_once(log: Log) -> None:
    log.record(INFO, b"voucher", "192.0.2.1")
    with pytest.raises(IntegrityError):
        log.record(replace(INFO, this_update=NOW + timedelta(seconds=1)), b"voucher", "192.0.2.1")
