"""The register's schema and its history; a register of the former kind; whose register it is."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from cryptography import x509
from sqlalchemy import Engine

from mecai.ca.authority.operations import initialise, opened
from mecai.ca.config import AuthorityConfig
from mecai.ca.storage.database import SCHEMA, create_file, register_database
from mecai.ca.storage.records import CertificateProfile, Issuer, RegisterEntry, Revocation
from mecai.ca.storage.register import Register
from mecai.ca.storage.schedule import PublicationSchedule
from mecai.ca.storage.tables import METADATA
from mecai.errors import HostError
from mecai.service.migration import is_of_the_service
from mecai.service.schema import migrate
from tests.pki import DAY, HOUR, NOW, Hierarchy, key

FORMER = """
CREATE TABLE certificate (
    serial     TEXT PRIMARY KEY,
    issuer     TEXT NOT NULL,
    profile    TEXT NOT NULL,
    key        BLOB NOT NULL,
    der        BLOB NOT NULL,
    revoked_at TEXT,
    reason     TEXT
) STRICT;
CREATE INDEX certificate_key ON certificate (key);
CREATE TABLE crl (number INTEGER NOT NULL) STRICT;
INSERT INTO crl VALUES (41);
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Open a new register, in a folder whose name SQLite must not misread."""
    home = tmp_path / "a b%20?c#d"
    home.mkdir()
    create_file(home)
    with register_database(None, home) as engine:
        migrate(engine, SCHEMA)
        yield engine


def entry(name: str, profile: CertificateProfile = CertificateProfile.SERVER) -> RegisterEntry:
    return RegisterEntry(Issuer.ISSUING, profile, Hierarchy(name).server("www.example.test").certificate)


def make_former(config: AuthorityConfig) -> None:
    """Bring a register back to the kind that there was before, as one of those wrote it."""
    path = config.state / "authority" / "register.db"
    columns = "serial, issuer, profile, key_hash, der, revoked_at, reason"
    with sqlite3.connect(path) as connection:
        rows = connection.execute(f"SELECT {columns} FROM certificates ORDER BY number").fetchall()  # noqa: S608 - columns stand above
    connection.close()
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.executescript(FORMER)
        for *row, revoked_at, reason in rows:
            time = None if revoked_at is None else revoked_at.replace(" ", "T").removesuffix(".000000") + "+00:00"
            connection.execute("INSERT INTO certificate VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, time, reason))
    connection.close()


def test_the_steps_lead_to_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_of_the_service})
        assert compare_metadata(context, METADATA) == []


def test_a_step_that_is_made_changes_nothing(engine: Engine) -> None:
    Register(engine).add(entry("alder"), NOW)
    before = Register(engine).entries()
    migrate(engine, SCHEMA)
    assert Register(engine).entries() == before


def test_a_former_register_is_named_by_every_verb_and_taken_over_by_init(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    with opened(config) as authority:
        leaf, _ = authority.issue(CertificateProfile.SERVER, key("www").public_key(), ["www.example.test"], None, NOW)
        authority.revoke(leaf.serial_number, x509.ReasonFlags.key_compromise, NOW + HOUR)
        before = authority.entries()
    make_former(config)
    with pytest.raises(HostError, match=r"schema is empty, expected 0001; run `mecai ca init`"), opened(config):
        pass
    initialise(config, NOW + DAY)
    with opened(config) as authority:
        assert authority.entries() == before
        authority.publish(NOW + DAY)
    crl = x509.load_der_x509_crl((config.public / "issuing.crl").read_bytes())
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 42
    assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number)


def test_a_lost_register_is_not_made_anew(config: AuthorityConfig) -> None:
    initialise(config, NOW)
    (config.state / "authority" / "register.db").unlink()
    with pytest.raises(HostError, match="unable to open database file"):
        initialise(config, NOW)
    assert not (config.state / "authority" / "register.db").exists()


def test_a_register_belongs_to_one_authority(engine: Engine) -> None:
    register = Register(engine)
    unfinished, own = entry("unfinished", CertificateProfile.ROOT), entry("own", CertificateProfile.ROOT)
    register.begin([unfinished], NOW)
    register.begin([own], NOW)
    assert register.entries() == (own,)
    register.add(entry("alder"), NOW)
    with pytest.raises(HostError, match="register: holds certificates of another authority"):
        register.begin([own], NOW)


def test_a_serial_number_is_entered_once(engine: Engine) -> None:
    register = Register(engine)
    register.add(entry("alder"), NOW)
    with pytest.raises(HostError, match="register: cannot be used"):
        register.add(entry("alder"), NOW)


def test_what_is_entered_is_due_until_it_is_published(engine: Engine) -> None:
    register, schedule = Register(engine), PublicationSchedule(engine)
    one = entry("alder")
    register.add(one, NOW)
    assert schedule.due(NOW, DAY, NOW) == (one.serial,)
    schedule.published([one.serial], NOW + HOUR)
    assert schedule.due(NOW, DAY, NOW) == ()
    assert schedule.due(NOW + HOUR, DAY, NOW) == (one.serial,)
    schedule.crl_published(Issuer.ISSUING, NOW + DAY)
    register.revoke(one, Revocation(NOW, x509.ReasonFlags.superseded))
    assert schedule.due(NOW, DAY, NOW) == (one.serial,)
    assert schedule.is_crl_due(Issuer.ISSUING, NOW, DAY)


def test_what_expired_is_due_no_more(engine: Engine) -> None:
    schedule, one = PublicationSchedule(engine), entry("alder")
    Register(engine).add(one, NOW)
    end = one.certificate.not_valid_after_utc
    assert schedule.due(end, DAY, end) == ()
    assert schedule.current(Issuer.ISSUING, end) == frozenset()
