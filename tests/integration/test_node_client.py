"""The Node.js client (clients/node) in direct mode: a real TLS server, VASs that are played, and once a real one."""

import http.server
import json
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from tests.directories import signed
from tests.integration import vouching as vouching_world
from tests.integration.client_servers import openssl_server
from tests.integration.played_vas import NOW, Handle, Vas, answering
from tests.integration.sites import serve_by_nginx
from tests.integration.tls_server import TlsServer
from tests.pki import Hierarchy, Issued
from tests.ports import free_port
from tests.scene import HOST, PUBLISHER, Scene, authority_entry, directory_of

NODE = Path(__file__).parents[2] / "clients" / "node"
CHECK = str(NODE / "bin" / "mecai-check.js")
SECONDS = 60
LOOPBACK = address_octets("127.0.0.1")
VAS_NAMES = ("birch", "cedar", "dogwood")
ALDER, BIRCH, CEDAR, DOGWOOD = (Hierarchy(name, NOW) for name in ("alder", *VAS_NAMES))
SCENE = Scene(NOW, alder=ALDER, birch=BIRCH, cedar=CEDAR, dogwood=DOGWOOD)  # the client's clock is the real one


def voucher(name: str, **changes: Any) -> bytes:
    """Return what an authority says of the server on loopback."""
    return SCENE.voucher(getattr(SCENE, name), **{"addresses": (LOOPBACK,), **changes})


def vouching(name: str, **changes: Any) -> Handle:
    """Return a VAS that vouches."""
    return answering(200, "application/mecai-voucher", voucher(name, **changes))


@dataclass(frozen=True)
class World:
    """The server, the VASs by name, and the folder with the client's files."""

    server: TlsServer
    vas: Mapping[str, Vas]
    folder: Path

    def write_directory(self, **changes: Any) -> None:
        """Publish what the client reads."""
        entries = [
            replace(authority_entry(getattr(SCENE, name)), servers=(vas.server(),)) for name, vas in self.vas.items()
        ]
        content = directory_of(authority_entry(SCENE.alder), *entries, now=NOW - timedelta(hours=1), **changes)
        (self.folder / "directory.der").write_bytes(signed(content))

    def check(self, *more: str) -> tuple[int, dict[str, Any]]:
        """Run the command, which must say its verdict; returns its exit code and that."""
        done = node(
            str(NODE / "bin" / "mecai-check.js"), f"{HOST}:{self.server.port}", *self.options(), "--json", *more
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def options(self) -> list[str]:
        """Return the options that every check has."""
        named = {"directory": "directory.der", "publishers": "publishers.pem", "profile": "profile"}
        files = [word for name, file in named.items() for word in (f"--{name}", str(self.folder / file))]
        return [*files, "--address", "127.0.0.1", "--probe-port", "443", "--candidates", "4"]

    def asked(self) -> list[str]:
        """Return who was asked for a voucher."""
        return [name for name, vas in self.vas.items() if vas.requests]


def node(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a script."""
    return subprocess.run(["node", *words], capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield _world(tmp_path, stack, SCENE.site)


def _world(folder: Path, stack: ExitStack, *site: Issued) -> World:
    vas = {}
    for name in VAS_NAMES:
        vas[name] = Vas(folder)
        stack.callback(vas[name].close)
        vas[name].handle = vouching(name)
    world = World(stack.enter_context(TlsServer(site)), vas, folder)
    (folder / "publishers.pem").write_bytes(PUBLISHER.pem)
    world.write_directory()
    return world


def test_one_voucher_is_enough_and_no_other_authority_is_told(world: World) -> None:
    code, said = world.check()
    assert (code, said["verdict"], said["peerAddress"]) == (0, "accepted", "127.0.0.1")
    (name,) = world.asked()
    assert [each["ownerGroup"] for each in said["vouchers"]] == [name]
    ((path, body),) = world.vas[name].requests
    request = VoucherRequest.decode(body)
    assert path == "/v1/vouchers"
    assert (request.addresses, request.port, request.server_name) == ((LOOPBACK,), 443, HOST)
    assert (request.certificate, *request.intermediates) == SCENE.site.chain_der


def test_a_quorum_of_two_takes_two_owners_and_asks_on_where_one_has_none(world: World) -> None:
    world.check()
    (first,) = world.asked()
    world.vas[first].handle = answering(503, "text/plain", "")
    code, said = world.check("--quorum", "2")
    assert code == 0
    assert world.asked() == list(VAS_NAMES)
    assert {each["ownerGroup"] for each in said["vouchers"] if not each["refusal"]} == {*VAS_NAMES} - {first}


def _silent(_: object) -> None:
    """Say nothing, and close."""


REFUSALS: dict[str, tuple[Callable[[str], Handle], str]] = {
    "on hold": (lambda _: answering(202, "application/json", '{"holdEnd": "2030-01-01T00:00:00Z"}'), "no-voucher"),
    "too many": (lambda _: answering(429, "application/problem+json", "{}"), "no-voucher"),
    "another certificate seen": (lambda _: answering(409, "application/problem+json", "{}"), "certificate-mismatch"),
    "another type": (lambda name: answering(200, "text/html", voucher(name)), "malformed"),
    "too long": (lambda _: answering(200, "application/mecai-voucher", bytes(16 * 1024 + 1)), "malformed"),
    "revoked": (
        lambda _: answering(403, "application/problem+json", '{"type": "tag:x/revoked", "detail": "gone"}'),
        "revoked",
    ),
    "not taken": (
        lambda _: answering(403, "application/problem+json", '{"type": "tag:x/untrusted", "detail": "no"}'),
        "no-voucher",
    ),
    "elsewhere": (lambda _: answering(307, "text/plain", "", Location="https://127.0.0.1/"), "no-voucher"),
    "nothing": (lambda _: _silent, "no-voucher"),
    "no voucher": (lambda _: answering(200, "application/mecai-voucher", b"0\0"), "malformed"),
    "another address": (lambda name: vouching(name, addresses=(address_octets("127.0.0.2"),)), "address-mismatch"),
    "another context": (lambda name: vouching(name, trust_contexts=("GOO",)), "context-missing"),
}


@pytest.mark.parametrize("answer", REFUSALS)
def test_what_is_no_good_voucher_refuses(world: World, answer: str) -> None:
    handle, reason = REFUSALS[answer]
    for name in VAS_NAMES:
        world.vas[name].handle = handle(name)
    code, said = world.check()
    assert (code, said["verdict"], said["code"]) == (1, "refused", reason)
    assert world.asked() == list(VAS_NAMES)


def test_a_revocation_in_any_voucher_refuses_at_once(world: World) -> None:
    revoked = [SCENE.alder.ocsp(SCENE.site, "revoked"), SCENE.alder.ocsp(SCENE.alder.issuing)]
    for name in VAS_NAMES:
        world.vas[name].handle = vouching(name, evidence=revoked)
    code, said = world.check()
    assert (code, said["code"], said["rule"], len(world.asked())) == (1, "revoked", "E6", 1)


def test_a_vas_whose_certificate_is_not_pinned_is_told_nothing(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_TLS_REJECT_UNAUTHORIZED", "0")  # a person's, for another program
    strange = Hierarchy("strange", NOW)
    entries = [
        replace(authority_entry(getattr(SCENE, name)), servers=(vas.server(strange),))
        for name, vas in world.vas.items()
    ]
    content = directory_of(authority_entry(SCENE.alder), *entries, now=NOW - timedelta(hours=1))
    (tmp_path / "directory.der").write_bytes(signed(content))
    code, said = world.check()
    assert (code, said["code"], world.asked()) == (1, "no-voucher", [])


def test_nobody_is_told_of_a_server_that_is_refused_anyway(tmp_path: Path) -> None:
    with ExitStack() as stack:
        world = _world(tmp_path, stack, Hierarchy("strange", NOW).server(HOST))
        code, said = world.check()
    assert (code, said["code"], said["rule"], world.asked()) == (1, "untrusted", "C4", [])


def test_a_directory_that_goes_back_is_refused_by_the_next_process(world: World) -> None:
    world.write_directory(sequence=2)
    assert world.check()[0] == 0
    world.write_directory(sequence=1)
    code, said = world.check()
    assert (code, said["code"]) == (1, "directory-rollback")


def test_a_port_that_no_authority_looks_at_is_told_before_anybody_is_spoken_to(world: World) -> None:
    without = [word for word in world.options() if word not in {"--probe-port", "443"}]
    done = node(CHECK, f"{HOST}:{world.server.port}", *without)
    said = f"mecai-check: authorities look at ports 1 to 1023, not at {world.server.port} (probePort)\n"
    assert (done.returncode, done.stdout, done.stderr, world.asked()) == (2, "", said, [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--directory", "/dev/zero"), "--directory /dev/zero: more than 67108864 octets"),
        (("--publishers", "/"), "--publishers /: EISDIR: .*"),
        (("--quorum", "\x1b[31m"), "--quorum \ufffd\\[31m: expected a number from 1"),
    ],
)
def test_a_wrong_word_is_one_line_and_bounded(world: World, words: tuple[str, str], said: str) -> None:
    done = node(CHECK, HOST, *world.options(), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(f"mecai-check: {said}\n", done.stderr)


def test_a_verdict_that_is_not_written_is_none() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            ["node", CHECK, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False
        )
    assert (done.returncode, done.stderr) == (3, "mecai-check: standard output: cannot be written (ENOSPC)\n")


def test_nobody_there_is_no_refusal(world: World) -> None:
    options = world.options()
    done = node(CHECK, f"{HOST}:{free_port()}", *options)
    assert (done.returncode, done.stdout) == (3, "")
    assert "ECONNREFUSED" in done.stderr


@dataclass(frozen=True)
class Stapling:
    """What a server shows beside its certificate."""

    site: Issued
    staple: bytes | None


def test_a_staple_that_says_revoked_is_the_verdict_and_nobody_is_told(world: World) -> None:
    shown = Stapling(SCENE.site, SCENE.alder.ocsp(SCENE.site, "revoked"))
    with openssl_server(shown, world.folder, None) as port:
        done = node(CHECK, f"{HOST}:{port}", *world.options(), "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["code"], said["rule"], world.asked()) == (1, "revoked", "E6", [])


def test_a_server_that_says_nothing_is_waited_for_as_long_as_was_asked(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        done = node(CHECK, f"{HOST}:{mute.getsockname()[1]}", *world.options(), "--timeout", "1")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "mecai-check: no handshake with 127.0.0.1 within 1000 ms\n"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow"])
def test_an_authority_that_comes_to_no_end_is_no_voucher(world: World, first: bytes) -> None:
    over = threading.Event()

    def hanging(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(first)
        over.wait(SECONDS)

    for vas in world.vas.values():
        vas.handle = hanging
    code, said = world.check("--timeout", "1")
    over.set()
    assert (code, said["code"], world.asked()) == (1, "no-voucher", list(VAS_NAMES))


def test_a_real_vas_probes_the_server_and_vouches(tmp_path: Path) -> None:
    def serve(stack: ExitStack, world: vouching_world.World) -> None:
        serve_by_nginx(stack, world.home, {HOST: world.chain_pem}, [vouching_world.SERVER], vouching_world.PORT)

    with vouching_world.running(tmp_path, serve) as world:
        named = {
            "directory": world.directory_path,
            "publishers": world.publishers_path,
            "profile": tmp_path / "profile",
        }
        files = [word for name, path in named.items() for word in (f"--{name}", str(path))]
        done = node(CHECK, HOST, "--address", vouching_world.SERVER, *files)
    address, said = vouching_world.SERVER, done.stdout.splitlines()
    assert (done.returncode, said[0]) == (0, f"accepted at {address}"), done
    assert [line.split()[0] for line in said[1:]] == ["birch"]


SCRIPT = """
import {{readFileSync}} from 'node:fs';
import {{Profile, Refusal, connect, keysOfPem}} from '{index}';
const file = (name) => readFileSync('{folder}/' + name);
const profile = new Profile('{folder}/profile');
const directory = profile.accept(file('directory.der'), keysOfPem(file('publishers.pem').toString()));
try {{
  const to = {{host: '{host}', port: {port}, address: '127.0.0.1', probePort: 443}};
  const {{socket}} = await connect({{...to, key: profile.key, directory}});
  socket.end('hello');
}} catch (error) {{
  if (!(error instanceof Refusal)) throw error;
  console.log(error.code);
}}
"""


@pytest.mark.parametrize(
    ("answer", "code", "octets"), [(vouching, "", b"hello"), (REFUSALS["on hold"][0], "no-voucher", b"")]
)
def test_a_program_speaks_after_the_verdict_alone(
    tmp_path: Path, answer: Callable[[str], Handle], code: str, octets: bytes
) -> None:
    with ExitStack() as stack:
        world = _world(tmp_path, stack, SCENE.site)
        for name in VAS_NAMES:
            world.vas[name].handle = answer(name)
        script = SCRIPT.format(index=NODE / "src" / "index.js", folder=tmp_path, host=HOST, port=world.server.port)
        done = node("--input-type=module", "--eval", script)
    assert (done.stdout.strip(), done.stderr) == (code, "")
    assert b"".join(met.data for met in world.server.history) == octets
