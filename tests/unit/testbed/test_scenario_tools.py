"""The programs that scenarios run on hosts: what they make of octets, held against OpenSSL and the protocol's core."""

import base64
import json
import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mecai.errors import VerificationError
from mecai.protocol.acceptance import Record, accept
from mecai.protocol.codec.tls_answer import VOUCHER, decode_vouchers
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.pki.identity import authority_id, spki_der, spki_hash
from testbed.scenarios import tools
from testbed.scenarios.tools import relay
from tests.directories import PUBLISHER, directory, signed
from tests.pki import Hierarchy

ROOT = Path(__file__).parents[3]
ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
NAMED, UNNAMED = bytes(range(8)), bytes(range(8, 16))


def hello(*more: tuple[int, bytes]) -> bytes:
    """Return the ClientHello of this Python's OpenSSL as a handshake message, with more extensions."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="www.example.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    message = outgoing.read()[5:]
    place, _ = relay._extensions(message)
    added = b"".join(kind.to_bytes(2) + len(body).to_bytes(2) + body for kind, body in more)
    extensions = message[place + 2 :] + added
    body = message[4:place] + len(extensions).to_bytes(2) + extensions
    return message[:1] + len(body).to_bytes(3) + body


def accepts(record: bytes) -> bool:
    """Say whether OpenSSL's server reads a ClientHello to its end: it then misses a certificate, or a shared cipher."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(record)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_bio(incoming, outgoing, server_side=True)
    with pytest.raises(ssl.SSLError) as caught:
        server.do_handshake()
    return caught.value.reason in {"NO_SHARED_CIPHER", "NO_SUITABLE_SIGNATURE_ALGORITHM", "NO_CERTIFICATE_SET"}


def test_extensions_are_cut_out_of_a_client_hello_that_stays_well_formed() -> None:
    request = RequestExtension(1, (NAMED,)).encode()
    whole = hello((VOUCHER, b""), (VOUCHER_REQUEST, request))
    cut = relay._without(whole, {VOUCHER, VOUCHER_REQUEST})
    assert cut == b"\x16\x03\x01" + len(hello()).to_bytes(2) + cut[5:]
    kinds = [kind for kind, _ in relay._extensions(cut[5:])[1]]
    assert kinds == [kind for kind, _ in relay._extensions(whole)[1] if kind not in {VOUCHER, VOUCHER_REQUEST}]
    assert accepts(cut)


def test_the_relay_reads_whom_a_client_names() -> None:
    asking = hello((VOUCHER_REQUEST, RequestExtension(1, (NAMED,)).encode()))
    assert relay._names(asking, NAMED.hex())
    assert not relay._names(asking, UNNAMED.hex())
    assert not relay._names(hello(), NAMED.hex())


@pytest.mark.parametrize(
    ("manner", "named", "target"),
    [
        ("pass", True, ("192.0.2.1", 443)),
        ("strip", False, ("192.0.2.1", 443)),
        ("drop", True, ("localhost", 443)),
        ("drop", False, None),
        ("relay", True, ("localhost", 443)),
        ("relay", False, ("192.0.2.1", 443)),
    ],
)
def test_where_a_connection_goes(manner: str, named: bool, target: tuple[str, int] | None) -> None:
    told = {"real": {"4": "192.0.2.1", "6": "2001:db8::1"}, "false": 443, "manner": manner, "va": NAMED.hex()}
    asking = hello((VOUCHER_REQUEST, RequestExtension(1, (NAMED if named else UNNAMED,)).encode()))
    assert relay._target(told, asking, 2) == target


def run_tool(tool: str, **told: object) -> str:
    """Run a tool as a host does: its text, with nothing of the testbed to import."""
    command = [sys.executable, "-c", tools.text(tool)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_vouchers_become_what_a_stock_server_staples(tmp_path: Path) -> None:
    (tmp_path / "vouchers").mkdir()
    for name in ("b", "a"):
        (tmp_path / "vouchers" / f"{name}.der").write_bytes(name.encode() * 3)
    run_tool("serverinfo", folder=str(tmp_path))
    text = (tmp_path / "serverinfo.pem").read_text(encoding="ascii")
    octets = base64.b64decode("".join(text.splitlines()[1:-1]))
    assert octets[:6].hex() == "00001180ff4d"
    assert decode_vouchers(octets[8:]) == (b"aaa", b"bbb")


_BIRCH = authority_id(spki_der(BIRCH.root.certificate))


@pytest.fixture
def publisher(tmp_path: Path) -> Path:
    """Return a publisher's folder: certificate, key, and the directory that he signed last."""
    (tmp_path / "certificate.pem").write_bytes(PUBLISHER.pem)
    (tmp_path / "key.pem").write_bytes(PUBLISHER.key_pem)
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    (tmp_path / "directory.der").write_bytes(
        signed(directory(ALDER, BIRCH, sequence=int(then.timestamp()), issued=then))
    )
    return tmp_path


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("honest", None),
        ("listing", None),
        ("distrusting", None),
        ("rolled-back", "directory-rollback"),
        ("equivocating", "directory-equivocation"),
        ("expired", "directory-expired"),
    ],
)
def test_a_variation_of_the_directory_is_what_it_is_called(manner: str, reason: str | None, publisher: Path) -> None:
    now = datetime.now(UTC)
    before = (publisher / "directory.der").read_bytes()
    _, record = accept(Record(), before, now, [PUBLISHER.certificate])
    spki = spki_hash(ALDER.root.certificate)
    varied = base64.b64decode(
        run_tool(
            "sign_directory", folder=str(publisher), manner=manner, spki=spki.hex(), authority=_BIRCH.hex(), keep=False
        )
    )
    assert (publisher / "directory.der").read_bytes() == before
    if reason:
        with pytest.raises(VerificationError) as caught:
            accept(record, varied, now, [PUBLISHER.certificate])
        assert caught.value.reason == reason
    else:
        taken, _ = accept(record, varied, now, [PUBLISHER.certificate])
        assert [entry.spki_hash for entry in taken.distrust] == ([spki] if manner == "distrusting" else [])
        listing = [entry.authority for entry in taken.authorities if spki in entry.subordinates]
        assert listing == ([_BIRCH] if manner == "listing" else [])


def test_a_publisher_goes_on_from_what_he_keeps(publisher: Path) -> None:
    varied = run_tool("sign_directory", folder=str(publisher), manner="honest", spki="", keep=True)
    assert (publisher / "directory.der").read_bytes() == base64.b64decode(varied)
    assert parse_directory(base64.b64decode(varied), [PUBLISHER.certificate], datetime.now(UTC)).distrust == ()


def test_what_holds_again_is_newer_than_what_was_told_in_the_same_second(publisher: Path) -> None:
    """The publisher's numbers are ahead of the clock, so that no second passes between them."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=4)
    ahead = directory(ALDER, BIRCH, sequence=int(soon.timestamp()), issued=soon)
    (publisher / "directory.der").write_bytes(signed(ahead))
    record = Record()
    for manner, keep in (("distrusting", False), ("honest", True), ("distrusting", False), ("honest", True)):
        told = base64.b64decode(
            run_tool("sign_directory", folder=str(publisher), manner=manner, spki="00" * 32, keep=keep)
        )
        taken, record = accept(record, told, datetime.now(UTC), [PUBLISHER.certificate])
        assert bool(taken.distrust) == (manner == "distrusting")
