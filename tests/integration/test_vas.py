"""A request becomes a voucher: real CAs, real OCSP responders, a real TLS server, a real VAS."""

import json
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from mecai.client import ClientPolicy, VoucherContext
from mecai.client.fetch import connect
from mecai.client.request import Destination
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import authority_id, certificate_hash, spki_der, spki_hash
from mecai.protocol.verify.connection import Policy, Presented, verify_voucher
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates
from tests.integration.sites import serve_by_nginx
from tests.integration.tls_server import TlsServer
from tests.integration.vouching import BIN, NAME, NETWORK, PORT, SERVER, VAS_APPLICATION, World, chain_of, run, running
from tests.patience import SECONDS
from tests.pki import Hierarchy

ADDRESS = socket.inet_aton(SERVER)
SECOND = socket.inet_aton("127.0.0.2")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("world")) as world:
        yield world


def vouchers(world: World) -> int:
    """Count the rows of both logs together."""
    with closing(sqlite3.connect(world.birch.home / "vas.sqlite")) as database:
        query = "SELECT (SELECT count(*) FROM certificates) + (SELECT count(*) FROM vouchers)"
        count: int = database.execute(query).fetchone()[0]
        return count


def test_it_is_ready_and_describes_itself(world: World) -> None:
    response, body = world.http("GET", "/readyz")
    assert response.status == 200, body
    described = json.loads(world.http("GET", "/v1/authority")[1])
    root = load_certificates(world.birch.root)[0]
    assert (described["authority"], described["contexts"]) == (authority_id(spki_der(root)).hex(), ["MOZ"])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (lambda _: b"", 400, "malformed"),
        (lambda _: b"<html>", 400, "malformed"),
        (lambda encoded: encoded[:-1], 400, "malformed"),
        (lambda encoded: encoded + b"\0", 400, "malformed"),
        (lambda encoded: encoded.replace(ADDRESS, bytes(3) + b"\1"), 403, "address-refused"),
        (lambda _: bytes(70_000), 413, "too-large"),
    ],
)
def test_a_request_that_is_refused_changes_nothing(
    world: World, body: Callable[[bytes], bytes], status: int, code: str
) -> None:
    before = vouchers(world)
    response, answer = world.http("POST", "/v1/vouchers", body(world.request().encode()))
    assert (response.status, response.getheader("Content-Type")) == (status, "application/problem+json")
    assert json.loads(answer)["type"].endswith(f"/{code}")
    assert vouchers(world) == before


def test_a_voucher_that_openssl_reads_and_a_client_accepts(
    world: World, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    status, der = world.ask()
    assert status == 200, der
    now = datetime.now(UTC)
    policy = Policy((authority_id(spki_der(load_certificates(world.birch.root)[0])),), contexts=("MOZ",))
    vouched = verify_voucher(der, Presented(world.chain, ADDRESS), world.directory, policy, now)
    info = vouched.voucher.info
    assert (info.addresses, info.perspectives, info.intermediates_matched) == ((ADDRESS,), 1, True)
    record_property("voucher octets", len(der))
    assert len(der) <= 2400
    (tmp_path / "voucher").write_bytes(der)
    witness = ("cms", "-verify", "-inform", "DER", "-in", tmp_path / "voucher", "-purpose", "any")
    run("openssl", *witness, "-CAfile", world.birch.root, "-out", tmp_path / "content")
    assert (tmp_path / "content").read_bytes() == info.encode()
    run("openssl", *witness, "-CAfile", world.alder.root, "-out", tmp_path / "content", code=4)


def test_the_command_line_accepts_it_too(world: World, tmp_path: Path) -> None:
    (tmp_path / "voucher").write_bytes(world.ask()[1])
    trusted = ("--directory", world.directory_path, "--publishers", world.publishers_path)
    server = ("--chain", world.chain_pem, "--address", SERVER)
    assert f"birch vouches for {SERVER}" in run(
        BIN / "mecai", "voucher", "verify", tmp_path / "voucher", *server, *trusted
    )


def test_an_address_that_shows_another_certificate_drops_out(world: World) -> None:
    other = Hierarchy("other").server("www.example.test")
    request = world.request(addresses=(ADDRESS, SECOND))
    with TlsServer([other], address="127.0.0.2", port=PORT) as server:
        status, der = world.ask(request)
        assert (status, parse_voucher(der).info.addresses) == (200, (ADDRESS,))
        assert [met.data for met in server.history] == [b"", b""]  # the same twice is believed (ADR 0055)
        before = vouchers(world)
        status, body = world.ask(world.request(addresses=(SECOND,)))
    problem = json.loads(body)
    assert (status, problem["type"].rpartition("/")[2]) == (409, "certificate-mismatch")
    assert problem["seen"] == [{"address": "127.0.0.2", "certificateHash": certificate_hash(other.der).hex()}]
    assert vouchers(world) == before


def test_an_address_where_nobody_listens(world: World) -> None:
    status, body = world.ask(world.request(addresses=(SECOND,)))
    assert (status, json.loads(body)["type"].rpartition("/")[2]) == (502, "unreachable")


def test_a_server_that_does_not_have_the_key(world: World) -> None:
    chain = chain_of(world.alder.certify("server", "other.example.test", label="other"))
    status, body = world.ask(world.request(chain))
    assert (status, json.loads(body)["type"].rpartition("/")[2]) == (409, "certificate-mismatch")


def test_a_revoked_certificate(world: World) -> None:
    path = world.alder.certify("server", "revoked.example.test", label="revoked")
    world.alder.mecai("revoke", "--certificate", path)
    status, body = world.ask(world.request(chain_of(path)))
    assert (status, json.loads(body)["type"].rpartition("/")[2]) == (403, "revoked")


def test_a_certificate_of_the_vas_own_ca(world: World) -> None:
    chain = chain_of(world.birch.certify("server", "www.example.test"))
    status, body = world.ask(world.request(chain))
    assert (status, json.loads(body)["type"].rpartition("/")[2]) == (403, "untrusted")


def test_distrust_is_in_force_with_the_next_voucher(world: World) -> None:
    issuing = spki_hash(load_certificates(world.chain_pem)[1])
    entry = {"spki": issuing.hex(), "time": "2026-01-01T00:00:00Z", "reason": "test"}
    world.publish(distrust=[entry])
    assert parse_voucher(world.ask()[1]).info.trust_contexts == ()
    world.publish()
    assert parse_voucher(world.ask()[1]).info.trust_contexts == ("MOZ",)


def test_the_log_names_each_voucher_and_no_secret(world: World) -> None:
    response, der = world.http("POST", "/v1/vouchers", world.request().encode())
    log = (world.home / "vas.log").read_text()
    serial = f"{parse_voucher(der).info.serial_number:x}"
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (line,) = [each for each in lines if each.get("serialNumber") == serial]
    assert (line["message"], line["requester"], line["agreed"]) == ("vouched", SERVER, [SERVER])
    assert line["requestId"] == response.getheader("X-Request-Id")
    secret = (world.birch.home / "va.key.pem").read_text().splitlines()[1:-1]
    assert not any(part in log for part in secret)


def test_a_bad_configuration_ends_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "vas.toml"
    config.write_text('key = "none.pem"\n')
    done = subprocess.run(
        [BIN / "gunicorn", "--bind", f"unix:{tmp_path}/http.sock", "--no-control-socket", VAS_APPLICATION],
        env={"MECAI_VAS_CONFIG": str(config)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert json.loads(line)["error"] == f"{config}: certificate: missing; expected a string"
    assert "Traceback" not in done.stdout + done.stderr


def test_a_client_asks_it_itself_where_the_server_has_no_vouchers(world: World, tmp_path: Path) -> None:
    address = f"{NETWORK}.8"  # of a server that serves the VAS while the client waits for its verdict
    networks = (ip_network("127.0.0.0/8"),)
    context = VoucherContext(ClientPolicy(direct="unstapled", allowed_networks=networks), world.directory, bytes(32))
    resolved = [socket.inet_aton(address)]
    with ExitStack() as stack:
        serve_by_nginx(stack, tmp_path, {NAME: world.chain_pem}, [address], PORT)
        connection = connect(Destination(NAME, PORT), context, Deadline(SECONDS), lambda _name, _deadline: resolved)
    assert connection.socket is not None, connection.verdict.detail
    connection.socket.close()
    (vouched,) = connection.verdict.vouched
    assert (vouched.authority.name, connection.verdict.asked) == ("birch", (vouched.authority.authority,))
