"""The Wireshark dissector shows what was said in a real handshake, and bears octets that are not as they should be."""

import json
import random
import socket
import ssl
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from mecai.client import ClientPolicy, VoucherContext
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from tests.integration.client_servers import openssl_server
from tests.integration.recorded import recording, write
from tests.patience import SECONDS
from tests.scene import HOST, authority_entry
from tests.unit.client.world import LOOPBACK, World

DISSECTOR = Path(__file__).resolve().parents[2] / "docs" / "wireshark" / "mecai.lua"
NAMES = ("birch", "cedar", "dogwood")
world = World()
INFO = world.info(world.birch, addresses=LOOPBACK)


def tshark(capture: Path, *options: str) -> str:
    """Read a capture with the dissector; it must not fail, nor say that Lua did."""
    command = ["tshark", "-n", "-X", f"lua_script:{DISSECTOR}", "-r", str(capture), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * SECONDS)
    assert done.returncode == 0, done.stderr
    assert "Lua" not in done.stderr
    return done.stdout


def fields(capture: Path, names: Sequence[str], *options: str) -> dict[str, list[str]]:
    """Return all values of some fields, in the order of the capture."""
    asked = [word for name in names for word in ("-e", name)]
    packets = json.loads(tshark(capture, *options, "-T", "json", *asked))
    layers = [packet["_source"].get("layers", {}) for packet in packets]
    return {name: [value for layer in layers for value in layer.get(name, [])] for name in names}


def faults(capture: Path) -> list[str]:
    """Return what is marked in a capture, but for remarks on TCP."""
    marked = fields(capture, ["_ws.expert.message"])["_ws.expert.message"]
    return [message for message in marked if not message.startswith("Connection establish")]


def handshake(folder: Path, version: ssl.TLSVersion) -> tuple[Path, tuple[str, ...]]:
    """Record a real handshake with vouchers; returns the capture, and the options that give tshark its keys."""
    context = VoucherContext(ClientPolicy(contexts=("MOZ",)), world.directory, bytes(32))
    context.minimum_version = context.maximum_version = version
    context.keylog_filename = str(folder / "keys.log")
    with openssl_server(world, folder, world.answer(*NAMES)) as port, recording(port) as (near, said):
        plain = socket.create_connection(("127.0.0.1", near), timeout=SECONDS)
        with context.wrap_socket(plain, server_hostname=HOST) as sock:
            sock.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
            while sock.recv(4096):
                pass
    return write(folder / "capture.pcap", said), ("-o", f"tls.keylog_file:{folder / 'keys.log'}")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_real_handshake_is_shown(version: ssl.TLSVersion, tmp_path: Path) -> None:
    capture, keys = handshake(tmp_path, version)
    names = ["request.version", "request.quorum", "request.candidate", "request.context", "info.version"]
    names += ["info.authority", "info.certificate", "info.ipv4", "info.ipv6", "info.port", "info.this_update"]
    names += ["info.context", "info.perspectives", "info.evidence.method", "malformed", "info.malformed"]
    shown = fields(capture, [f"mecai.{name}" for name in names], *keys)
    seen = {name.removeprefix("mecai."): values for name, values in shown.items()}
    ids = [authority_entry(getattr(world, name)).authority.hex() for name in ("alder", *NAMES)]
    assert (seen["request.version"], seen["request.quorum"], seen["request.context"]) == (["1"], ["1"], ["MOZ"])
    assert len(seen["request.candidate"]) == 3
    assert set(map(plainly, seen["request.candidate"])) < set(ids)
    assert list(map(plainly, seen["info.authority"])) == ids[1:]
    assert set(map(plainly, seen["info.certificate"])) == {INFO.certificate_hash.hex()}
    assert seen["info.version"] == ["1"] * 3
    assert seen["info.ipv4"] == ["127.0.0.1"] * 3
    assert seen["info.ipv6"] == ["::1"] * 3
    assert seen["info.port"] == ["443"] * 3
    assert seen["info.this_update"] == [f"{INFO.this_update:%Y%m%d%H%M%SZ}"] * 3
    assert seen["info.perspectives"] == ["1"] * 3
    assert len(seen["info.evidence.method"]) == 6
    assert set(seen["info.context"]) == {"MOZ"}
    assert seen["malformed"] == seen["info.malformed"] == []


def plainly(octets: str) -> str:
    """Return hexadecimal digits without what tshark puts between them."""
    return octets.replace(":", "")


def hello(kind: int, extension: int, content: bytes) -> bytes:
    """Return a TLS 1.2 record with a ClientHello (1) or ServerHello (2) that has this one extension."""
    suites = b"\x00\x02\xc0\x2f\x01\x00" if kind == 1 else b"\xc0\x2f\x00"
    extensions = struct.pack("!HH", extension, len(content)) + content
    body = b"\x03\x03" + bytes(32) + b"\x00" + suites + struct.pack("!H", len(extensions)) + extensions
    message = struct.pack("!B", kind) + len(body).to_bytes(3) + body
    return b"".join(
        b"\x16\x03\x03" + struct.pack("!H", len(message[start : start + 2**14])) + message[start : start + 2**14]
        for start in range(0, len(message), 2**14)
    )


def asks(content: bytes) -> list[tuple[bool, bytes]]:
    return [(True, hello(1, VOUCHER_REQUEST, content))]


def answers(content: bytes) -> list[tuple[bool, bytes]]:
    return [(False, hello(2, VOUCHER, content))]


REQUEST = RequestExtension(1, tuple(INFO.authority for _ in range(1))).encode()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty"),
        (REQUEST[:1], "it ends before its quorum"),
        (b"\x02" + REQUEST[1:], "its version is not 1"),
        (REQUEST[:5], "it ends before its candidates do"),
        (REQUEST[:2] + b"\x07" + bytes(7), "its candidates have another length"),
        (REQUEST[:1] + b"\x00" + REQUEST[2:], "the quorum is not 1 to the number of candidates"),
        (REQUEST[:1] + b"\x02" + REQUEST[2:], "the quorum is not 1 to the number of candidates"),
        (REQUEST[:11], "it ends before its contexts do"),
        (REQUEST[:11] + b"\x03\x09MO\x00\x00", "a context ends before it should, or is empty"),
        (REQUEST[:11] + b"\x01\x00\x00\x00", "a context ends before it should, or is empty"),
        (REQUEST[:-1], "it ends before its cached hashes do"),
        (REQUEST[:-2] + b"\x00\x05" + bytes(5), "its cached hashes have another length"),
        (REQUEST + b"\x00", "octets follow"),
    ],
)
def test_a_request_that_is_not_as_it_should_be_is_marked(content: bytes, fault: str, tmp_path: Path) -> None:
    capture = write(tmp_path / "capture.pcap", asks(content))
    assert faults(capture) == [fault]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x00", "it ends before its vouchers do"),
        (b"\x00\x09\x00", "it ends before its vouchers do"),
        (b"\x00\x04\x00\x07ab", "a voucher ends before it should, or is empty"),
        (b"\x00\x02\x00\x00", "a voucher ends before it should, or is empty"),
        (b"\x00\x00\x00", "octets follow"),
    ],
)
def test_an_answer_that_is_not_as_it_should_be_is_marked(content: bytes, fault: str, tmp_path: Path) -> None:
    capture = write(tmp_path / "capture.pcap", answers(content))
    assert faults(capture) == [fault]


def test_an_empty_list_says_that_the_client_has_what_it_needs(tmp_path: Path) -> None:
    assert "(none: use those that you have)" in tshark(write(tmp_path / "capture.pcap", answers(b"\x00\x00")), "-V")


def damaged(octets: bytes, dice: random.Random) -> bytes:
    """Return octets with some exchanged, cut out or put in."""
    found = bytearray(octets)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(found) + 1)
        match dice.randrange(3):
            case 0:
                found[place : place + 1] = dice.randbytes(1)
            case 1:
                del found[place : place + dice.randint(1, 40)]
            case _:
                found[place:place] = dice.randbytes(dice.randint(1, 9))
    return bytes(found)


def test_no_damage_stops_the_dissection(tmp_path: Path) -> None:
    dice = random.Random(20261127)  # noqa: S311 - the same damage each time
    voucher = world.local_voucher("birch")
    content = voucher.index(INFO.authority) - 20  # VoucherInfo begins before it
    conversations = []
    for _ in range(150):
        conversations.append(asks(damaged(REQUEST, dice)))
        inside = voucher[:content] + damaged(voucher[content : content + 400], dice) + voucher[content + 400 :]
        whole = inside if dice.random() < 0.7 else damaged(voucher, dice)
        conversations.append(answers(struct.pack("!HH", len(whole) + 2, len(whole)) + whole))
    capture = write(tmp_path / "capture.pcap", *conversations)
    assert "Lua Error" not in tshark(capture, "-V")
    shown = fields(capture, ["mecai.request", "mecai.answer", "mecai.malformed", "mecai.info.malformed"])
    assert len(shown["mecai.request"]) == len(shown["mecai.answer"]) == 150
    assert len(shown["mecai.malformed"]) > 50
    assert len(shown["mecai.info.malformed"]) > 10
