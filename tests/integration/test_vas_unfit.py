"""A real VAS on a full disk, with a wrong clock, with a certificate that has ended: it says which, and vouches not."""

import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from mecai.service.pem import load_certificates, load_key
from mecai.vas.http.app import REQUEST_TYPE
from mecai.vas.storage.database import open_database
from mecai.vas.storage.tables import CERTIFICATES, VOUCHERS
from testbed.machine.waiting import until
from tests.integration.faults.supervisor import SECONDS
from tests.integration.postgresql import postgresql
from tests.integration.test_full_disk import Disk
from tests.integration.vouching import BIN, VAS_APPLICATION, World, end, run, running

MOST = 1000  # vouchers for which a disk has room that is full
AHEAD = "tests.integration.faults.minute_ahead:create_app()"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk, and ports below 1024, need root")


@dataclass(frozen=True)
class Node:
    """A VAS of the world's CA, and where it is asked."""

    world: World
    port: int
    database: str

    def failed(self) -> list[str]:
        """Return which checks fail; none where it is ready."""
        status, document = self._ask("GET", "/readyz", None)
        assert (status, document["status"]) in {(200, "ready"), (503, "not ready")}
        named: list[str] = document.get("failed", [])
        return named

    def asked(self) -> str:
        """Ask for a voucher; return the code of the refusal, nothing for a voucher."""
        status, document = self._ask("POST", "/v1/vouchers", self.world.request().encode())
        return "" if status == 200 else str(document["type"].rpartition("/")[2])

    def logged(self) -> tuple[int, int]:
        """Count the certificates and the vouchers of the log."""
        engine = open_database(self.database)
        with engine.connect() as connection:
            counting = [select(func.count()).select_from(table) for table in (CERTIFICATES, VOUCHERS)]
            certificates, vouchers = [connection.execute(each).scalar_one() for each in counting]
        engine.dispose()
        return certificates, vouchers

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, dict[str, Any]]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, {"Content-Type": REQUEST_TYPE})
            response = connection.getresponse()
            answer = response.read()
        return response.status, json.loads(answer) if "json" in response.headers["Content-Type"] else {}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("world"), tls=False, requests=10**6, vouchers=10**6) as world:
        yield world


@contextmanager
def node(
    world: World,
    folder: Path,
    database: str,
    under: Sequence[str] = (),
    application: str = VAS_APPLICATION,
    **changes: Path,
) -> Iterator[Node]:
    """Run a VAS with settings of its own, its command lines after `under`; who comes early waits at its door."""
    settings = (world.birch.home / "vas.toml").read_text()
    for key, value in {"database": database, **changes}.items():
        settings, count = re.subn(rf'^{key} = ".*"$', f'{key} = "{value}"', settings, flags=re.MULTILINE)
        assert count == 1
    (config := folder / "vas.toml").write_text(settings)
    run(*under, BIN / "mecai", "vas", "migrate", "--config", config)
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = [BIN / "gunicorn", "--worker-class", "gthread", "--threads", "4", "--no-control-socket"]
        command = [*under, *map(str, server), "--bind", f"fd://{door.fileno()}", application]
        own = {"MECAI_VAS_CONFIG": str(config)}
        with (folder / "vas.log").open("wb") as log:
            process = subprocess.Popen(command, env=own, pass_fds=[door.fileno()], stdout=log, stderr=log)
        try:
            yield Node(world, door.getsockname()[1], database)
        finally:
            end(process)


def test_a_clock_that_is_not_the_databases(world: World, tmp_path: Path) -> None:
    with postgresql("fsync=off") as url, node(world, tmp_path, url, application=AHEAD) as ahead:
        assert ahead.failed() == ["clock"]
        assert ahead.asked() == "overloaded"
        assert ahead.logged() == (0, 0)


def test_a_certificate_that_has_ended(world: World, tmp_path: Path) -> None:
    certificate = tmp_path / "va.pem"
    certificate.write_bytes(ended(world.birch.home / "va.pem", world.birch.home / "state"))
    with node(world, tmp_path, f"sqlite:///{tmp_path}/vas.sqlite", certificate=certificate) as late:
        assert late.failed() == ["signer"]
        assert late.asked() == "overloaded"
        assert late.logged() == (0, 0)


def ended(path: Path, state: Path) -> bytes:
    """Return the certificate of a file as it would be had it ended a minute ago; the serial number is the same."""
    (found, *issuers), root = load_certificates(path), load_key(state / "authority" / "root.key.pem")
    builder = x509.CertificateBuilder(
        found.issuer, found.subject, found.public_key(), found.serial_number, found.not_valid_before_utc,
        datetime.now(UTC) - timedelta(minutes=1), list(found.extensions),
    )  # fmt: skip
    again = builder.sign(root, hashes.SHA256())
    return b"".join(each.public_bytes(Encoding.PEM) for each in (again, *issuers))


def test_a_full_disk(world: World, tmp_path: Path) -> None:
    (folder := tmp_path / "disk").mkdir()
    disk = Disk(folder, "300m")  # of which a VAS wants 256 MiB free
    try:
        with node(world, tmp_path, f"sqlite:///{folder}/vas.sqlite", disk.entering) as full:
            assert (full.failed(), full.asked()) == ([], "")
            disk.fill()
            until(lambda: full.failed() == ["disk"], SECONDS, lambda: "/readyz does not name the disk")
            handed_out = 1
            while not (refused := full.asked()):
                handed_out += 1
                assert handed_out < MOST
            assert refused == "overloaded"
            disk.free()
            command = (BIN / "mecai", "vas", "log", "--config", tmp_path / "vas.toml", "--format", "json")
            assert [each["vouchers"] for each in json.loads(run(*disk.entering, *command))] == [handed_out]
            until(lambda: not full.failed(), SECONDS, lambda: "/readyz is not good again")
            assert full.asked() == ""
    finally:
        disk.end()


def test_a_full_disk_of_the_databases_server(world: World, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="mecai-disk-"))  # whose way is open to PostgreSQL's user
    disk = Disk(folder, "200m")
    try:
        disk.run("chown", "postgres", str(folder))
        with (
            postgresql("fsync=off", data=f"{folder}/data", under=disk.entering) as url,
            node(world, tmp_path, url) as full,
        ):
            assert full.asked() == ""
            disk.fill()
            assert full.failed() == ["disk"]
            handed_out = 1
            while not (refused := full.asked()):
                handed_out += 1
                assert handed_out < MOST
            assert refused == "overloaded"
            assert full.failed() == ["disk"]
            disk.free()
            assert full.logged() == (1, handed_out)
            until(lambda: not full.failed(), SECONDS, lambda: "/readyz is not good again")
            assert full.asked() == ""
        assert "not even 32 MiB are free" in (tmp_path / "vas.log").read_text()
    finally:
        disk.end()
        folder.rmdir()
