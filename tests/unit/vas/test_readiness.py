"""What a VAS says of itself (docs/spec R8): who it is, and whether it could vouch now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from mecai.errors import HostError
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.service.database import time_of
from mecai.vas.config import AgentSettings, PerspectiveSettings
from mecai.vas.issuance.fitness import CLOCK_BOUND, EARLY, Fitness
from mecai.vas.refusal import Refusal
from mecai.vas.storage.certificates import FIRST_SIGHT, SETTLED_AFTER
from mecai.vas.storage.mails import AGAIN, Mails
from mecai.vas.storage.outbox import LATE, VAIN, Outbox
from mecai.vas.storage.tables import METADATA
from mecai.vas.worker import make_notifier
from tests.pki import DAY, HOUR, NOW, crl, issue
from tests.unit.vas.conftest import only_sqlite
from tests.unit.vas.outside import BIRCH, SECOND, Make, Vas


def test_the_authority_describes_itself(vas: Vas) -> None:
    assert vas.http.get("/v1/authority").json == {
        "authority": authority_id(spki_der(BIRCH.root.certificate)).hex(),
        "certificate": BIRCH.voucher.pem.decode(),
        "contexts": ["MOZ"],
        "lifetime": 24 * 3600,
        "hold": 0,
    }


def test_health_and_readiness(vas: Vas) -> None:
    assert vas.http.get("/healthz").json == {"status": "alive"}
    assert vas.http.get("/readyz").json == {"status": "ready"}


@pytest.mark.parametrize(
    ("later", "failed", "detail"),
    [
        (40 * DAY, ["directory", "own-status"], "no trust context has a valid directory"),
        (400 * DAY, ["signer", "directory", "own-status"], "the VA's certificate is of no use"),
    ],
)
def test_not_ready(
    vas: Vas, later: timedelta, failed: list[str], detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    vas.outside.now = NOW + later
    response = vas.http.get("/readyz")
    assert (response.status_code, response.json) == (503, {"status": "not ready", "failed": failed})
    assert detail in caplog.text
    assert vas.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (30, ""),
        (13, "12 days left; bring newer lists of the CA"),
        (-1, "its lists hold from"),
        (None, "revocation list cannot be read"),
    ],
    ids=["a month", "days", "ended", "none"],
)
def test_lists_of_other_nodes_that_end_are_a_persons_concern(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int | None, said: str
) -> None:
    """Without a word of agents: nginx alone reads them, and this node vouches on."""
    lists, now = tmp_path / "nodes.pem", datetime.now(UTC)
    if days is not None:
        lists.write_bytes(crl(BIRCH.issuing, span=(now - 9 * DAY, now + timedelta(days=days))))
    vas = make(nodes_crl=lists)
    assert vas.http.get("/readyz").json == {"status": "ready"} | ({"concerns": ["nodes"]} if said else {})
    assert said in caplog.text


def test_a_node_goes_by_the_lists_of_whoever_it_asks_or_lets_in(vas: Vas) -> None:
    agents = (AgentSettings("south", "https://agent.test", "south"),)
    changes: dict[str, Any] = {
        "perspectives": PerspectiveSettings("north", Path("k"), Path("c"), Path("r"), agents, Path("a")),
        "nodes_crl": Path("n"),
        "database": "postgresql+psycopg://vas@db.test/vas?sslmode=verify-full&sslcrl=/d%20b.pem",
    }
    assert vas.server.config.lists == {}
    assert replace(vas.server.config, **changes).lists == {
        "agents": Path("a"),
        "nodes": Path("n"),
        "database": Path("/d b.pem"),
    }


def test_not_ready_without_own_status(vas: Vas) -> None:
    vas.outside.responders.status[BIRCH.voucher.certificate.serial_number] = "down"
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["own-status"]}


def test_not_ready_without_schema(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    METADATA.drop_all(vas.server.engine)
    with vas.server.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["database", "directory"]}
    assert "run `mecai vas migrate`" in caplog.text


@only_sqlite
def test_not_ready_when_the_disk_runs_full(
    vas: Vas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database on another host has a disk of its own."""
    monkeypatch.setattr("mecai.service.disk.LEAST_FREE", 1 << 60)
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["disk"]}
    assert "make room on this disk" in caplog.text


def test_readiness_waits_for_nobody_who_writes(vas: Vas) -> None:
    vas.server.directories.in_force(NOW)
    with vas.server.engine.begin():
        assert vas.http.get("/readyz").json == {"status": "ready"}


def test_files_that_are_missing_are_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"none\.pem: private key cannot be read"):
        make(key=tmp_path / "none.pem")


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (CLOCK_BOUND + SECOND, "31 s ahead of the database's, expected 30 s at most"),
        (-CLOCK_BOUND - SECOND, "31 s behind the database's"),
    ],
)
def test_with_another_clock_than_the_databases_nothing_is_vouched_for(
    vas: Vas, ahead: timedelta, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    vas.outside.ahead = ahead
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["clock"]}
    assert f"clock: is {said}" in caplog.text
    assert refused_before_anything(vas) == {"detail": "this node cannot vouch now", "status": 503}
    vas.outside.now += SECOND
    vas.outside.ahead = ahead / abs(ahead.total_seconds()) * CLOCK_BOUND.total_seconds()
    assert vas.ask().status_code == 200


def test_with_an_expired_certificate_nothing_is_vouched_for(make: Make, tmp_path: Path) -> None:
    """While everything else is in order: directory, own status."""
    span = (NOW - DAY, NOW + HOUR)
    brief = issue("birch VA", BIRCH.voucher.key, BIRCH.root, BIRCH.voucher_extensions(), span=span)
    (tmp_path / "brief.pem").write_bytes(brief.pem)
    vas = make(certificate=tmp_path / "brief.pem")
    vas.outside.responders.know(BIRCH, brief)
    assert vas.server.own_status.current(NOW).until > NOW + HOUR
    vas.outside.now = NOW + HOUR + SECOND
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["signer"]}
    assert refused_before_anything(vas) == {"detail": "this node cannot vouch now", "status": 503}


def test_a_certificate_that_ends_soon_is_a_concern(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    span = (NOW - DAY, NOW + EARLY + HOUR)
    brief = issue("birch VA", BIRCH.voucher.key, BIRCH.root, BIRCH.voucher_extensions(), span=span)
    (tmp_path / "brief.pem").write_bytes(brief.pem)
    vas = make(certificate=tmp_path / "brief.pem")
    vas.outside.responders.know(BIRCH, brief)
    assert vas.server.readiness().answer() == ({"status": "ready"}, 200)
    vas.outside.now = NOW + HOUR + SECOND
    assert vas.server.readiness().answer() == ({"status": "ready", "concerns": ["certificate"]}, 200)
    assert "the VA's certificate: 13 days left; let the CA issue another" in caplog.text


def test_an_outbox_that_nobody_works_is_a_concern(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    vas.ask()
    seen = vas.outside.now
    vas.outside.now = seen + LATE
    assert vas.server.readiness().answer() == ({"status": "ready"}, 200)
    vas.outside.now = seen + SETTLED_AFTER + LATE + SECOND
    assert vas.server.readiness().answer() == ({"status": "ready", "concerns": ["outbox"]}, 200)
    assert "outbox: first-sight is 0:15:0" in caplog.text
    runner = make_notifier(vas.server.config, vas.server.engine, lambda: vas.outside.now)
    runner.run()
    assert vas.server.readiness().answer() == ({"status": "ready"}, 200)


def test_what_is_tried_in_vain_for_long_is_a_concern(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    """Each failure puts it off, so that it is never late."""
    vas.ask()
    outbox = Outbox(vas.server.engine)
    for _ in range(VAIN):
        assert vas.server.readiness().answer() == ({"status": "ready"}, 200)
        vas.outside.now += SETTLED_AFTER + LATE
        message = outbox.take(vas.outside.now, {FIRST_SIGHT})
        assert message
        outbox.settle(message, "the relay does not answer", vas.outside.now + LATE)
    assert vas.server.readiness().answer() == ({"status": "ready", "concerns": ["outbox"]}, 200)
    assert f"outbox: tried {VAIN} times and more in vain: 1 of first-sight; see the log" in caplog.text
    last = outbox.take(vas.outside.now + LATE, {FIRST_SIGHT})
    assert last
    outbox.settle(last, "delivered")
    assert vas.server.readiness().answer() == ({"status": "ready"}, 200)


def test_a_stranger_whose_name_servers_are_silent_is_no_concern(vas: Vas) -> None:
    """Anybody's domain may be: it is asked about for days, in vain."""
    outbox = Outbox(vas.server.engine)
    Mails(vas.server.engine).seek_again({"certificate": "0" * 64, "domain": "silent.test"}, NOW, NOW)
    for _ in range(VAIN):
        vas.outside.now += LATE
        message = outbox.take(vas.outside.now, {AGAIN})
        assert message
        outbox.settle(message, "unnotified; others may be: a source is silent", vas.outside.now + LATE)
    assert vas.server.readiness().answer() == ({"status": "ready"}, 200)


def refused_before_anything(vas: Vas) -> dict[str, object]:
    """Ask for a voucher: it is refused, nobody is probed, nothing is logged."""
    status, code, document = vas.refused()
    assert (status, code, vas.rows(), vas.outside.probes) == (503, "overloaded", (0, 0), [])
    return {name: document[name] for name in ("detail", "status")}


def test_a_database_says_what_time_it_is(engine: Engine) -> None:
    assert abs(datetime.now(UTC) - time_of(engine)) < CLOCK_BOUND


def test_a_node_asks_once_a_second_of_its_clock_and_again_when_that_is_set(vas: Vas) -> None:
    asked: list[datetime] = []

    def database_time() -> datetime:
        asked.append(vas.outside.now)
        return NOW

    fitness = Fitness(vas.server.signer, database_time)
    for moment in (NOW, NOW, NOW + SECOND, NOW):
        fitness.require(moment)
    assert len(asked) == 3
    for _ in range(2):
        with pytest.raises(Refusal, match="this node cannot vouch now"):
            fitness.require(NOW + HOUR)
    assert len(asked) == 5
