"""What Prometheus is told, by a file and by a listener, read back by its own parser."""

import socket
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mecai.errors import HostError
from mecai.sidecar import daemon, listener
from mecai.sidecar.metrics import Metrics
from mecai.sidecar.refresh import Refresher
from mecai.sidecar.report import report
from mecai.vrp.answers import RequestRefused
from tests.patience import SECONDS
from tests.pki import DAY, HOUR, NOW
from tests.ports import free_port
from tests.unit.sidecar.conftest import Side
from tests.unit.sidecar.test_daemon import Sleeper, path, serve

__all__ = ["path"]

Told = dict[tuple[str, ...], float]
WWW = "www.example.test"


def read(text: str) -> Told:
    return {
        (sample.name.removeprefix("mecai_sidecar_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(side: Side, tmp_path: Path) -> Told:
    config = replace(side.config, metrics_file=tmp_path / "metrics.prom")
    Metrics(config).update(report(config, side.kinds(config), side.now), side.now)
    return read((tmp_path / "metrics.prom").read_text())


def test_everything_is_well(side: Side, tmp_path: Path) -> None:
    side.run()
    expected: Told = {
        ("last_look_timestamp_seconds",): NOW.timestamp(),
        ("healthy",): 1,
        ("staples", "ocsp", "good"): 1,
        ("staples", "voucher", "good"): 3,
        **{("authority_vouchers", name, "good"): 1 for name in ("birch", "cedar", "dogwood")},
        ("certificate_vouchers", WWW): 3,
        ("served_until_timestamp_seconds", WWW, "ocsp"): (NOW + 47 * HOUR).timestamp(),
        ("served_until_timestamp_seconds", WWW, "voucher"): (NOW + DAY - HOUR / 12).timestamp(),
    }
    assert told(side, tmp_path) == expected


def test_what_is_missing_and_what_has_ended(side: Side, tmp_path: Path) -> None:
    side.answer(side.scene.birch, RequestRefused("down"))
    side.run()
    assert told(side, tmp_path)["authority_vouchers", "birch", "missing"] == 1
    side.now += DAY
    found = told(side, tmp_path)
    assert (found["healthy",], found["certificate_vouchers", WWW]) == (0, 0)
    assert ("served_until_timestamp_seconds", WWW, "voucher") not in found


@pytest.fixture
def port() -> int:
    return free_port()


def test_the_service_tells_by_file_and_listener(side: Side, path: Path, port: int, tmp_path: Path) -> None:
    settings = f'metrics_file = "{tmp_path}/metrics.prom"\nmetrics_address = "127.0.0.1:{port}"\n'
    path.write_text(settings + path.read_text())

    class Asking(Sleeper):
        def __call__(self, seconds: float) -> bool:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS) as answer:
                seen.append(read(answer.read().decode()))
            return super().__call__(seconds)

    seen: list[Told] = []
    serve(side, path, Asking(True))  # the second time it has read its settings anew, and listens again
    assert [each["healthy",] for each in seen] == [1, 1]
    assert read((tmp_path / "metrics.prom").read_text()) == seen[-1]


def test_an_address_that_is_taken_ends_the_start_and_not_the_service(
    side: Side,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(HostError, match="cannot be listened at"):
            Metrics(replace(side.config, metrics_address=address))
        text = path.read_text()

        class Changing(Sleeper):
            def __call__(self, seconds: float) -> bool:
                path.write_text(f'metrics_address = "{address}"\n{text}')
                return super().__call__(seconds)

        serve(side, path, Changing(True))
    assert "cannot be listened at" in caplog.text
    assert len(side.asked) == 6


def test_a_file_that_cannot_be_written_is_logged(side: Side, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Metrics(replace(side.config, metrics_file=tmp_path / "none" / "metrics.prom")).update((), NOW)
    assert "metrics not written" in caplog.text


def test_who_cannot_judge_is_not_well(side: Side, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that has ended, say: what was good before it did may be good no longer."""
    monkeypatch.setattr(daemon, "LOOK_SECONDS", 0)
    path.write_text(f'metrics_file = "{tmp_path}/metrics.prom"\n{path.read_text()}')
    good = side.config.directory.read_bytes()

    class Spoiling(Sleeper):
        def __call__(self, seconds: float) -> bool:
            seen.append(read((tmp_path / "metrics.prom").read_text()))
            side.config.directory.write_bytes(b"damaged" if len(seen) == 1 else good)
            return super().__call__(seconds)

    seen: list[Told] = []
    serve(side, path, Spoiling(False, False))
    assert [each["healthy",] for each in seen] == [1, 0, 1]
    assert not any(key[0] == "staples" for key in seen[1])


def test_a_fault_in_a_look_ends_no_service(
    side: Side, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Refresher, "report", fail)
    path.write_text(f'metrics_file = "{tmp_path}/metrics.prom"\n{path.read_text()}')
    serve(side, path, Sleeper(False))
    assert read((tmp_path / "metrics.prom").read_text())["healthy",] == 0
    assert "nothing can be judged, by a fault of this program" in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_who_connects_and_says_nothing_takes_one_place_for_a_while(
    side: Side, port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], host: str
) -> None:
    monkeypatch.setattr(listener, "SECONDS", 0.1)
    address = f"[{host}]" if ":" in host else host
    metrics = Metrics(replace(side.config, metrics_address=f"{address}:{port}"))
    metrics.update((), NOW)
    before = set(threading.enumerate())
    silent = [socket.create_connection((host, port), timeout=SECONDS) for _ in range(3)]
    for half, each in zip((b"", b"GET /metrics HT", b"GET /metrics HTTP/1.0\r\nx: "), silent, strict=True):
        each.sendall(half)
    begun = set(threading.enumerate()) - before
    assert not [each for each in begun if not isinstance(each, threading.Timer)]  # of the one that is at its turn
    assert [each.recv(1) for each in silent] == [b"", b"", b""]
    monkeypatch.setattr(listener, "SECONDS", 30)
    with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=SECONDS) as answer:
        assert read(answer.read().decode())["healthy",] == 1
    metrics.close()
    for each in silent:
        each.close()
    assert capfd.readouterr().err == ""
