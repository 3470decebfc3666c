"""What a database of an earlier schema holds is still known after the step to the next."""

from alembic import command
from sqlalchemy import DateTime, Engine, bindparam, text

from mecai.protocol.acceptance import Newest, Record
from mecai.protocol.pki.identity import certificate_hash, spki_hash
from mecai.service.migration import alembic_settings, connected
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.database import SCHEMA
from mecai.vas.storage.directories import DirectoryLog, Fetched
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from tests.pki import DAY, NOW, Hierarchy


def step(engine: Engine, way: str, revision: str) -> None:
    """Take the schema up or down to a revision."""
    with connected(engine) as connection:
        getattr(command, way)(alembic_settings(SCHEMA.steps, connection), revision)


def test_the_highest_sequence_of_each_context_becomes_its_record_and_back(new: Engine) -> None:
    step(new, "upgrade", "0001")
    old = {"context": "MOZ", "sequence": 7, "hash": bytes(range(32))}
    with new.begin() as connection:
        connection.execute(text("INSERT INTO directories VALUES (:context, :sequence, :hash)"), old)
    step(new, "upgrade", "0002")
    with new.begin() as connection:
        ((context, record),) = connection.execute(text("SELECT context, record FROM directories")).all()
    assert context == "MOZ"
    assert Record.decode(record) == Record(newest={"MOZ": Newest(7, old["hash"])})
    step(new, "downgrade", "0001")
    with new.begin() as connection:
        assert connection.execute(text("SELECT * FROM directories")).all() == [tuple(old.values())]


def test_a_certificate_of_before_is_found_by_its_key(new: Engine) -> None:
    """It may be a predecessor: its hold is not served twice."""
    step(new, "upgrade", "0002")
    site = Hierarchy("alder").server("www.example.test")
    row = {"hash": certificate_hash(site.der), "der": site.der, "first": NOW, "expires": NOW + DAY}
    times = (bindparam(each, type_=DateTime()) for each in ("first", "expires"))
    insert = text("INSERT INTO certificates VALUES (:hash, :der, :first, :expires)").bindparams(*times)
    with new.begin() as connection:
        connection.execute(insert, row)
    step(new, "upgrade", "0003")
    (found,) = CertificateLog(new).with_key(spki_hash(site.certificate), 5)
    assert (found.chain, found.first_seen, found.released) == ((site.certificate,), NOW, None)
    step(new, "downgrade", "0002")
    with new.begin() as connection:
        (kept,) = connection.execute(text("SELECT hash, der FROM certificates")).all()
    assert tuple(kept) == (row["hash"], row["der"])


def test_what_was_accepted_outlives_the_step_to_fetched_directories_and_back(new: Engine) -> None:
    """A node of the release before goes on writing its rows meanwhile."""
    step(new, "upgrade", "0003")
    record = Record(newest={"MOZ": Newest(7, bytes(range(32)))})
    row = text("INSERT INTO directories (context, record) VALUES (:context, :record)")
    with new.begin() as connection:
        connection.execute(row, {"context": "MOZ", "record": record.encode()})
    step(new, "upgrade", "0004")
    with new.begin() as connection:
        connection.execute(row, {"context": "ALT", "record": Record().encode()})
    log = DirectoryLog(new)
    assert (log.record("MOZ"), log.record("ALT"), log.fetched("ALT")) == (record, Record(), Fetched())
    step(new, "downgrade", "0003")
    with new.begin() as connection:
        assert connection.execute(text("SELECT context, record FROM directories ORDER BY context DESC")).all() == [
            ("MOZ", record.encode()),
            ("ALT", Record().encode()),
        ]


def test_a_refusal_outlives_the_step_to_refused_certificates_and_back(new: Engine) -> None:
    step(new, "upgrade", "0004")
    insert = "INSERT INTO distrusted (spki, added, added_by, reason) VALUES (:spki, :added, 'operator', 'stolen')"
    row = text(insert).bindparams(bindparam("added", type_=DateTime()))
    with new.begin() as connection:
        connection.execute(row, {"spki": bytes(32), "added": NOW})
    step(new, "upgrade", "0005")
    log = DistrustLog(new)
    assert {each.kind for each in log.listed()} == {None}
    log.add(RefusedKey(bytes(31) + b"c", None, NOW, "operator", "stolen", "certificate"))
    step(new, "downgrade", "0004")
    with new.begin() as connection:
        found = connection.execute(text("SELECT spki FROM distrusted ORDER BY spki")).scalars().all()
    assert list(map(bytes, found)) == [bytes(32), bytes(31) + b"c"]
