"""What a VAS says of itself (docs/spec R8): who it is, and whether it could vouch now."""

from datetime import timedelta
from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.vas.storage.tables import METADATA
from tests.pki import DAY, NOW
from tests.unit.vas.outside import BIRCH, Make, Vas


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


def test_not_ready_without_own_status(vas: Vas) -> None:
    vas.outside.responders.status[BIRCH.voucher.certificate.serial_number] = "down"
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["own-status"]}


def test_not_ready_without_schema(vas: Vas, caplog: pytest.LogCaptureFixture) -> None:
    METADATA.drop_all(vas.server.engine)
    with vas.server.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["database", "directory"]}
    assert "run `mecai vas migrate`" in caplog.text


def test_not_ready_when_the_disk_runs_full(
    vas: Vas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
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
