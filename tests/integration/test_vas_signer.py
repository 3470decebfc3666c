"""A VAS whose key another process has: a real server and a real signer, and what becomes of it when one fails."""

import json
import re
import signal
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.protocol.objects.expedite import parse_expedite
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import hash_of
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates, load_key
from mecai.vas.signing.connection import PATIENCE
from mecai.vas.signing.server import CONNECTIONS
from mecai.vas.signing.server import PATIENCE as SIGNERS_PATIENCE
from mecai.vas.signing.wire import LONGEST, Answer, Purpose, Question, receive, send
from tests.integration.signing import SignerProcess, Way, listening
from tests.integration.test_vas_rollover import accepted, require_change_when_told
from tests.integration.vouching import BIN, World, run, running
from tests.patience import SECONDS


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("world")
    with running(home, key=f'signer.socket = "{home}/way.sock"', vouchers=1000) as world:
        yield world


@pytest.fixture(scope="module")
def door(world: World) -> Iterator[socket.socket]:
    """Open the signer's socket as systemd does: who comes while the signer is away waits there."""
    with closing(listening(world.home / "signer.sock")) as door:
        yield door


@pytest.fixture
def signer(world: World, door: socket.socket) -> Iterator[SignerProcess]:
    process = SignerProcess(world.birch, world.home / "signer.sock", door)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def way(world: World) -> Iterator[Way]:
    path = world.home / "way.sock"
    way = Way(path, world.home / "signer.sock")
    yield way
    way.close()
    path.unlink()


def ready(world: World) -> tuple[int, list[str]]:
    response, body = world.http("GET", "/readyz")
    return response.status, json.loads(body).get("failed", [])


def logged(world: World) -> list[int]:
    """Count the rows of both logs."""
    with closing(sqlite3.connect(world.birch.home / "vas.sqlite")) as database:
        query = "SELECT (SELECT count(*) FROM certificates), (SELECT count(*) FROM vouchers)"
        return list(database.execute(query).fetchone())


def test_a_voucher_and_no_key_in_the_server(world: World, signer: SignerProcess, way: Way) -> None:
    del way
    assert ready(world) == (200, [])
    status, der = world.ask()
    assert status == 200, der
    accepted(world, der)
    assert world.vas is not None
    assert signer.process is not None
    private = load_key(world.birch.home / "va.key.pem")
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    number = private.private_numbers().private_value.to_bytes(32, "little")  # as OpenSSL has it in memory
    assert number in memory(signer.process.pid)
    for process in (world.vas.pid, *children(world.vas.pid)):
        assert number not in memory(process)
    line = signer.logged()[-1]
    info = parse_voucher(der).info
    assert (line["message"], line["purpose"], line["serialNumber"]) == ("signed", "voucher", f"{info.serial_number:x}")
    assert line["certificate"] == info.certificate_hash.hex()


def children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def memory(process: int) -> bytes:
    """Return all that a process may write to."""
    spans = re.findall(r"^(\w+)-(\w+) rw", Path(f"/proc/{process}/maps").read_text(), re.MULTILINE)
    found = []
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as file:
        for start, end in ((int(a, 16), int(b, 16)) for a, b in spans):
            file.seek(start)
            found.append(file.read(end - start))
    return b"".join(found)


def test_kill_9_between_requests(world: World, signer: SignerProcess, way: Way) -> None:
    del way
    assert world.ask()[0] == 200
    signer.kill()
    assert world.ask()[0] == 503
    signer.start()
    assert world.ask()[0] == 200
    assert ready(world) == (200, [])


def test_kill_9_in_a_request(world: World, signer: SignerProcess, way: Way) -> None:
    """The signer is killed when it is to sign a voucher: no voucher, and the next request has one again."""
    killed = threading.Event()

    def meet(question: Question) -> None:
        if question.purpose is Purpose.VOUCHER and not killed.is_set():
            signer.kill()
            killed.set()

    assert world.ask()[0] == 200
    before = logged(world)
    way.meet = meet
    assert world.ask()[0] == 503
    assert killed.is_set()
    assert logged(world) == before
    signer.start()
    status, der = world.ask()
    assert status == 200, der
    accepted(world, der)
    assert logged(world) == [before[0], before[1] + 1]


def test_nobody_signs_and_no_voucher_is_issued(world: World) -> None:
    """No socket at all: no probe, nothing logged; and as soon as there is a signer, vouchers, without a word to it."""
    before = logged(world)
    assert ready(world) == (503, ["signer"])
    response, answer = world.http("POST", "/v1/vouchers", world.request().encode())
    problem = json.loads(answer)
    assert (response.status, response.getheader("Retry-After")) == (503, "60")
    assert (problem["type"].rpartition("/")[2], problem["detail"]) == ("overloaded", "this node cannot vouch now")
    assert logged(world) == before
    assert "does not answer (No such file or directory)" in (world.home / "vas.log").read_text()
    with closing(listening(world.home / "way.sock")) as door:
        signer = SignerProcess(world.birch, world.home / "way.sock", door)
        signer.start()
        try:
            assert world.ask()[0] == 200
        finally:
            signer.kill()
    (world.home / "way.sock").unlink()


def test_a_signer_that_is_too_slow(world: World, signer: SignerProcess, way: Way) -> None:
    del way
    assert world.ask()[0] == 200
    assert signer.process is not None
    signer.process.send_signal(signal.SIGSTOP)
    before, start = logged(world), time.monotonic()
    assert world.ask()[0] == 503
    assert PATIENCE <= time.monotonic() - start < PATIENCE + SECONDS / 2
    assert logged(world) == before
    signer.process.send_signal(signal.SIGCONT)
    assert world.ask()[0] == 200


def test_a_server_of_another_user_gets_nothing(world: World) -> None:
    signer = SignerProcess(world.birch, world.home / "way.sock", user="nobody")
    signer.start()
    try:
        assert ready(world) == (503, ["signer"])
        assert world.ask()[0] == 503
        refused = [line for line in signer.logged() if line["message"] == "refused"]
        assert {(line["user"], line["cause"]) for line in refused} == {(0, "this user has nothing signed here")}
    finally:
        signer.kill()
        signer.path.unlink()


def talk(path: Path, octets: bytes) -> bytes:
    """Send octets, and return all that comes back until the signer closes."""
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(path))
        found = b""
        with suppress(ConnectionError):  # it closes before it has ours, or with octets of ours that it has not read
            connection.sendall(octets)
            while more := connection.recv(LONGEST):
                found += more
        return found


@pytest.mark.parametrize(
    ("octets", "line"),
    [
        (struct.pack(">H", LONGEST + 1) + bytes(10), "8193 octets, more than the 8192 allowed"),
        (struct.pack(">H", 4) + b"GET ", "question: 4 octets, expected more than 32"),
        (struct.pack(">H", 0), "question: 0 octets, expected more than 32"),
        (struct.pack(">H", 40) + b"\x07" + bytes(39), "question: purpose 7 is unknown"),
    ],
    ids=["oversized", "another protocol", "empty", "unknown purpose"],
)
def test_what_is_no_question_ends_the_connection(signer: SignerProcess, octets: bytes, line: str) -> None:
    answer = talk(signer.path, octets)
    assert Answer.decode(answer[2:]) == Answer(refusal=line)
    assert signer.logged()[-1]["cause"] == line


def test_a_question_that_takes_too_long_to_come(signer: SignerProcess) -> None:
    start = time.monotonic()
    assert talk(signer.path, b"\x00") == b""
    assert time.monotonic() - start >= SIGNERS_PATIENCE
    assert talk(signer.path, struct.pack(">H", 0))  # others are answered


def test_octets_that_are_no_voucher_are_not_signed(world: World, signer: SignerProcess) -> None:
    certificate = hash_of(load_certificates(world.birch.home / "va.pem")[0])
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.connect(str(signer.path))

        def ask(question: Question) -> Answer:
            send(connection, question.encode(), Deadline(SECONDS))
            return Answer.decode(receive(connection, Deadline(SECONDS)))

        assert "VoucherInfo" in ask(Question(Purpose.VOUCHER, certificate, b"anything")).refusal
        assert "is not the certificate in" in ask(Question(Purpose.READY, bytes(32))).refusal
        assert ask(Question(Purpose.READY, certificate)) == Answer()  # a refusal ends no connection


def test_connections_are_bounded(world: World, signer: SignerProcess) -> None:
    certificate = hash_of(load_certificates(world.birch.home / "va.pem")[0])
    question = struct.pack(">H", 33) + Question(Purpose.READY, certificate).encode()
    with ExitStack() as opened:
        for _ in range(CONNECTIONS):
            each = opened.enter_context(socket.socket(socket.AF_UNIX))
            each.settimeout(SECONDS)
            each.connect(str(signer.path))
            each.sendall(question)
            assert each.recv(16) == b"\x00\x01\x00"
        assert talk(signer.path, b"") == b""
    end = time.monotonic() + SECONDS
    while not (answer := _answered(signer.path, question)):
        assert time.monotonic() < end
    assert answer == b"\x00\x01\x00"


def _answered(path: Path, question: bytes) -> bytes:
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(path))
        try:
            connection.sendall(question)
            return connection.recv(16)
        except ConnectionError:
            return b""


def test_an_expedite_statement_by_the_signer(world: World, signer: SignerProcess, way: Way, tmp_path: Path) -> None:
    del way
    out, config = tmp_path / "statement", world.birch.home / "vas.toml"
    words = ("--certificate", world.chain_pem, "--reason", "known to us", "--out", out)
    run(BIN / "mecai", "vas", "expedite", "sign", "--config", config, *words)
    parse_expedite(out.read_bytes()).signed.verify_signature()
    assert signer.logged()[-1]["purpose"] == "expedite"


def test_another_key_fails_no_request(world: World, signer: SignerProcess, way: Way) -> None:
    del way
    home = world.birch.home
    former, command = load_certificates(home / "va.pem")[0], (BIN / "mecai", "vas", "rollover")
    assert accepted(world, world.ask()[1]) == former
    run(*command, "begin", "--config", home / "vas.toml", code=2)  # the server has no key
    run(*command, "begin", "--signer", signer.config)
    world.birch.mecai("issue", "--profile", "va", "--csr", home / "va.key.next.csr", "--out", home / "new.pem")
    run(*command, "finish", "--signer", signer.config, "--certificate", home / "new.pem")
    # Until the server is told, the signer has both.
    require_change_when_told(world, former, load_certificates(home / "new.pem")[0])
