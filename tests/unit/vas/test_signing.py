"""The key in a process of its own: what the signer signs for whom, what both sides say, and what happens without it."""

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mecai.errors import HostError, Malformed
from mecai.protocol.objects.expedite import ExpediteStatement, parse_expedite
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.objects.voucher_info import Extension
from mecai.protocol.pki.identity import authority_id, hash_of, spki_der
from mecai.service.deadline import Deadline
from mecai.vas.config import SignerSettings
from mecai.vas.issuance.signer import VoucherSigner
from mecai.vas.signing.connection import Connection
from mecai.vas.signing.keyring import PAUSE, Keyring
from mecai.vas.signing.rules import AGE, Rules
from mecai.vas.signing.server import CONNECTIONS, Signer
from mecai.vas.signing.wire import LONGEST, Answer, Purpose, Question, receive, send
from tests.pki import DAY, HOUR, NOW, Issued, issue, key
from tests.scene import Scene
from tests.unit.vas.outside import BIRCH, PROBED, SECOND, Make, Vas

SCENE = Scene()
VA = SCENE.birch
OWN = authority_id(spki_der(VA.root.certificate))
RULES = Rules(OWN, timedelta(hours=24))
STATEMENT = ExpediteStatement(bytes(32), NOW, NOW + HOUR, "known to us")
ALL = frozenset(Purpose)


def info(**changes: object) -> bytes:
    return SCENE.info(VA, **({"this_update": NOW, "next_update": NOW + HOUR} | changes)).encode()


def test_a_voucher_of_now_is_signed_and_the_log_is_told_which() -> None:
    facts = RULES.require(Purpose.VOUCHER, info(), VA.voucher.certificate, NOW)
    assert facts["serialNumber"] == "1f2e3d4c5b6a79880112233445566778"
    assert (facts["addresses"], facts["until"]) == (["198.18.0.10"], (NOW + HOUR).isoformat())


@pytest.mark.parametrize(
    ("purpose", "content", "line"),
    [
        (Purpose.VOUCHER, b"", "VoucherInfo"),
        (Purpose.VOUCHER, info() + b"\x00", "VoucherInfo"),
        (Purpose.VOUCHER, STATEMENT.encode(), "VoucherInfo"),
        (Purpose.VOUCHER, info(authority=bytes(8)), "authority: is not this VA"),
        (Purpose.VOUCHER, info(this_update=NOW + SECOND), "thisUpdate"),
        (Purpose.VOUCHER, info(this_update=NOW - AGE - SECOND), "thisUpdate"),
        (Purpose.VOUCHER, info(next_update=NOW + DAY + SECOND), "nextUpdate"),
        (Purpose.VOUCHER, info(extensions=(Extension("1.2.3", critical=False, value=b"x"),)), "extensions"),
        (Purpose.EXPEDITE, info(), "ExpediteStatement"),
        (Purpose.EXPEDITE, ExpediteStatement(bytes(32), NOW + SECOND, NOW + HOUR, "x").encode(), "issuedAt"),
        (Purpose.EXPEDITE, ExpediteStatement(bytes(32), NOW - HOUR, NOW + HOUR, "x").encode(), "issuedAt"),
        (Purpose.READY, info(), "nothing to be signed"),
    ],
)
def test_what_is_not_signed(purpose: Purpose, content: bytes, line: str) -> None:
    with pytest.raises(Malformed, match=line):
        RULES.require(purpose, content, VA.voucher.certificate, NOW)


def test_no_voucher_outlives_the_certificate() -> None:
    end = VA.voucher.certificate.not_valid_after_utc
    near = end - HOUR
    late = info(this_update=near, next_update=end + SECOND)
    with pytest.raises(Malformed, match="after the end of the VA's certificate"):
        RULES.require(Purpose.VOUCHER, late, VA.voucher.certificate, near)
    RULES.require(Purpose.VOUCHER, info(this_update=near, next_update=end), VA.voucher.certificate, near)


@dataclass
class Files:
    """The files of a key, and a clock that stands still."""

    folder: Path
    seconds: float = 0.0

    def put(self, issued: Issued, certificate: Issued | None = None) -> None:
        """Let them hold a key with its certificate, or with another one."""
        path = self.folder / "key.pem"
        path.touch(0o600)
        path.write_bytes(issued.key_pem)
        (self.folder / "certificate.pem").write_bytes((certificate or issued).pem)

    def keyring(self) -> Keyring:
        """Read them."""
        return Keyring(self.folder / "key.pem", self.folder / "certificate.pem", lambda: self.seconds)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.put(VA.voucher)
    return made


def another(name: str) -> Issued:
    """Certify another key of the VA."""
    return issue("birch VA", key(name), VA.root, VA.voucher_extensions(), span=(NOW - DAY, NOW + 300 * DAY))


def test_another_key_is_found_when_it_is_asked_for_and_the_former_one_stays(files: Files) -> None:
    first, second, third = VA.voucher, another("second"), another("third")
    ring = files.keyring()
    files.put(second, first)  # the certificate comes later: as between two steps of a change
    files.seconds += PAUSE
    with pytest.raises(HostError, match="is not of the key in"):
        ring.of(hash_of(second.certificate))
    files.put(second)
    with pytest.raises(HostError, match="is not the certificate in"):
        ring.of(hash_of(second.certificate))  # the files are not looked at so often
    files.seconds += PAUSE
    assert ring.of(hash_of(second.certificate)).certificate == second.certificate
    assert ring.of(hash_of(first.certificate)).certificate == first.certificate
    files.put(third)
    files.seconds += PAUSE
    assert ring.of(hash_of(third.certificate)).certificate == third.certificate
    with pytest.raises(HostError, match="is not the certificate in"):
        ring.of(hash_of(first.certificate))


@dataclass
class Played:
    """A signer in a thread, at a socket that stays open while it is away, as systemd keeps one."""

    path: Path
    keyring: Keyring
    users: dict[int, frozenset[Purpose]] = field(default_factory=lambda: {os.getuid(): ALL})
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(self.path))
        self.door.listen()

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            Signer(self.keyring, RULES, self.users, lambda: self.now, patience=60).serve(self.door)

    def end(self) -> None:
        """Answer nobody any more, those either who are connected."""
        with suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self.users.clear()


@pytest.fixture
def played(files: Files) -> Iterator[Played]:
    made = Played(files.folder / "s", files.keyring())
    yield made
    made.end()


def va(path: Path, patience: float = 60) -> VoucherSigner:
    connection = Connection(path, VA.voucher.certificate, patience)
    return VoucherSigner(connection, VA.voucher.certificate, VA.root.certificate)


def test_what_it_signs_is_a_voucher_and_a_statement(played: Played) -> None:
    played.start()
    signer = va(played.path)
    signer.require_ready(NOW)
    evidence = SCENE.evidence()
    said = SCENE.info(VA, evidence=evidence, this_update=NOW, next_update=NOW + HOUR)
    voucher = parse_voucher(signer.sign(said, (*evidence, VA.ocsp(VA.voucher))))
    voucher.signed.verify_signature()
    assert voucher.info == said
    statement = parse_expedite(signer.speak_for(STATEMENT))
    statement.signed.verify_signature()
    assert statement.statement == STATEMENT


@pytest.mark.parametrize(
    ("may", "line"),
    [
        (frozenset({Purpose.READY, Purpose.EXPEDITE}), "has no voucher signed here"),
        (frozenset({Purpose.READY, Purpose.VOUCHER}), "has no expedite signed here"),
    ],
)
def test_each_user_gets_what_is_his(played: Played, may: frozenset[Purpose], line: str) -> None:
    played.users = {os.getuid(): may}
    played.start()
    connection = Connection(played.path, VA.voucher.certificate, 60)
    contents = {Purpose.VOUCHER: info(), Purpose.EXPEDITE: STATEMENT.encode()}
    for purpose in may & contents.keys():
        assert connection.sign(purpose, contents[purpose])
    for purpose in contents.keys() - may:
        with pytest.raises(HostError, match=line):
            connection.sign(purpose, contents[purpose])


def test_a_user_who_gets_nothing(played: Played) -> None:
    played.users = {os.getuid() + 1: ALL}
    played.start()
    with pytest.raises(HostError, match="does not answer"):
        va(played.path).require_ready(NOW)


def test_a_refusal_ends_nothing(played: Played) -> None:
    played.start()
    connection = Connection(played.path, VA.voucher.certificate, 60)
    with pytest.raises(HostError, match=r"refuses: .*authority: is not this VA"):
        connection.sign(Purpose.VOUCHER, info(authority=bytes(8)))
    assert connection.sign(Purpose.VOUCHER, info())
    with pytest.raises(HostError, match="more than the 8192 allowed"):
        connection.sign(Purpose.VOUCHER, bytes(LONGEST))
    assert connection.sign(Purpose.VOUCHER, info())


def test_who_finds_no_thread_is_turned_away_and_the_next_one_met(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = threading.Thread.start, [CONNECTIONS + 1]

    def start(thread: threading.Thread) -> None:
        if thread.name.endswith("(_meet)") and left[0]:
            left[0] -= 1
            raise RuntimeError("can't start new thread")
        real(thread)

    played.start()
    monkeypatch.setattr(threading.Thread, "start", start)
    for _ in range(CONNECTIONS + 1):  # each would have kept a slot; one may be tried twice
        with pytest.raises(HostError, match="does not answer"):
            Connection(played.path, VA.voucher.certificate, 1).sign(Purpose.VOUCHER, info())
        if not left[0]:
            break
    assert left == [0]
    assert Connection(played.path, VA.voucher.certificate, 60).sign(Purpose.VOUCHER, info())


@contextmanager
def answering(path: Path, *answers: Callable[[socket.socket], None]) -> Iterator[list[Question]]:
    """Play a signer that meets each connection in its own way, the questions of which are listed."""
    asked: list[Question] = []
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()

        def serve() -> None:
            for answer in answers:
                connection, _ = door.accept()
                with connection:
                    asked.append(Question.decode(receive(connection, Deadline(60))))
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        thread.join()


def signed(connection: socket.socket) -> None:
    send(connection, Answer(b"signature").encode(), Deadline(60))


def test_a_connection_that_ended_is_opened_again_within_the_question(tmp_path: Path) -> None:
    connection = Connection(tmp_path / "s", VA.voucher.certificate, 60)
    with answering(tmp_path / "s", signed, signed) as asked:
        assert [connection.sign(Purpose.VOUCHER, b"content") for _ in range(2)] == [b"signature"] * 2
    assert asked == [Question(Purpose.VOUCHER, hash_of(VA.voucher.certificate), b"content")] * 2


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (lambda _: None, "the other side closed"),
        (lambda connection: connection.sendall(struct.pack(">H", LONGEST + 1)), "more than the 8192 allowed"),
        (lambda connection: connection.sendall(b"\x00\x01\x09"), "neither a signature nor a refusal"),
        (lambda connection: connection.sendall(b"\x00\x00"), "neither a signature nor a refusal"),
        (lambda connection: connection.sendall(b"\x00\x01\x01"), "no reason given"),
    ],
)
def test_an_answer_that_is_none(tmp_path: Path, answer: Callable[[socket.socket], None], line: str) -> None:
    connection = Connection(tmp_path / "s", VA.voucher.certificate, 60)
    with answering(tmp_path / "s", answer), pytest.raises(HostError, match=line):
        connection.require_ready()


def test_a_signer_that_says_nothing_costs_the_time_that_it_is_given(played: Played) -> None:
    with pytest.raises(HostError, match="does not answer"):
        va(played.path, patience=0.05).require_ready(NOW)


@pytest.fixture
def beside(make: Make, files: Files) -> Iterator[tuple[Vas, Played]]:
    """Make a VAS, and its signer, which is not started."""
    files.put(BIRCH.voucher)
    played = Played(files.folder / "s", files.keyring(), now=PROBED + SECOND)
    yield make(key=None, signer=SignerSettings(played.path)), played
    played.end()


def test_without_a_signer_nobody_is_probed(beside: tuple[Vas, Played]) -> None:
    vas, played = beside
    played.end()
    status, code, problem = vas.refused()
    assert (status, code, problem["detail"]) == (503, "overloaded", "this node cannot vouch now")
    assert (vas.outside.probes, vas.rows()) == ([], (0, 0))


def test_not_ready_without_a_signer(beside: tuple[Vas, Played], caplog: pytest.LogCaptureFixture) -> None:
    vas, played = beside
    played.end()
    assert vas.http.get("/readyz").json == {"status": "not ready", "failed": ["signer"]}
    assert "does not answer (Connection refused); see that mecai-vas-signer runs" in caplog.text


def test_a_signer_that_goes_while_a_server_is_probed(beside: tuple[Vas, Played]) -> None:
    vas, played = beside
    played.start()
    vas.outside.meanwhile = lambda _: played.end()
    assert vas.refused()[:2] == (503, "overloaded")
    assert vas.rows() == (1, 0)
