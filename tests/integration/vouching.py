"""Two real CAs, their OCSP responders, a TLS server and a VAS, each a process of its own on loopback.

alder certifies the TLS server (`openssl s_server`), birch vouches. OCSP is asked at port 80 only (docs/spec P7): each
responder has a loopback address of its own, 127.77.x.y; these tests need the
right to bind ports 80 and 443.
"""

import base64
import http.client
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.service.pem import load_certificates
from tests.patience import SECONDS
from tests.pki import Hierarchy, issue, key, key_usage, name
from tests.ports import network

BIN = Path(sys.executable).parent
# Starts a server behind an open door: its command line, log and environment.
Start = Callable[[ExitStack, list[str], Path, dict[str, str], socket.socket], subprocess.Popen[bytes] | None]
NETWORK = network("127.77")
SERVER, PORT = f"{NETWORK}.3", 443  # docs/spec P4: a port that takes a privilege to open
METRICS = "mecai.vas.http.metrics:create_app()"
VAS_APPLICATION = "mecai.vas.http.app:create_app()"
NAME = "www.example.test"
NOW = datetime.now(UTC).replace(microsecond=0)
TLS = Hierarchy("tls of the VAS", NOW)  # what birch's web server would show
PUBLISHER = issue(
    "publisher", key("publisher"), None, [key_usage("digital_signature")], span=(NOW, NOW + timedelta(days=365))
)
CA = """
name = "{name}"
owner_group = "{name}"
region = "north"
ocsp_url = "http://{address}"
vas_url = "https://vas.{name}.test"
state = "{home}/state"
public = "{home}/public"
"""
VAS = """
{key}
certificate = "{home}/va.pem"
root = "{home}/public/root.pem"
database = "{database}"
hold = "PT{hold}S"
voucher_reuse_minutes = {reuse}
allowed_networks = ["127.0.0.0/8"]
requests_per_minute = {requests}
address_requests_per_minute = {requests}
certificate_requests_per_minute = {requests}
vouchers_per_day = {vouchers}
parallel_requests = {parallel}
trusted_proxies = 0
{more}
[[directory]]
context = "MOZ"
path = "{directory}"
publishers = "{publishers}"
"""


def run(*command: str | Path, code: int = 0, seconds: float = 5 * SECONDS) -> str:
    """Run a command and return what it says; it must end with `code`."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def chain_of(path: Path) -> tuple[bytes, ...]:
    """Return the certificates of a file as DER."""
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in load_certificates(path))


@dataclass(frozen=True)
class Authority:
    """A CA's files, and the address of its responder."""

    name: str
    home: Path
    address: str

    @property
    def root(self) -> Path:
        """Its root certificate."""
        return self.home / "public" / "root.pem"

    def mecai(self, *words: str | Path) -> str:
        """Run a verb of `mecai ca` for this authority."""
        verb = 2 if words[0] == "batch" else 1
        return run(BIN / "mecai", "ca", *words[:verb], "--config", self.home / "ca.toml", *words[verb:])

    def certify(self, profile: str, *names: str, label: str = "") -> Path:
        """Make a key and have it certified; returns the path of the chain, beside which the key lies."""
        (path,) = self.certify_each({label or profile: (profile, names)})
        return path

    def certify_each(self, wanted: Mapping[str, tuple[str, Sequence[str]]]) -> list[Path]:
        """Make keys, and have them certified by one start of the CA: profile and DNS names, by label."""
        requests = {label: self._requested(label, *what) for label, what in wanted.items()}
        (self.home / "wanted.json").write_text(json.dumps(requests))
        answers = json.loads(self.mecai("batch", "issue", self.home / "wanted.json"))
        paths = [self.home / f"{label}.pem" for label in wanted]
        for path in paths:
            path.write_text(answers[path.stem]["answer"])
        return paths

    def _requested(self, label: str, profile: str, names: Sequence[str]) -> dict[str, Any]:
        own, path = key(f"{label} of {self.name}"), self.home / f"{label}.key.pem"
        csr = x509.CertificateSigningRequestBuilder().subject_name(name(label)).sign(own, hashes.SHA256())
        path.touch(0o600)
        path.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return {"profile": profile, "csr": csr.public_bytes(Encoding.PEM).decode(), "dns": list(names)}

    def establish(self, *names: str) -> None:
        """Make the CA, its responder's certificates, the VA's, and that of a server, if it has names."""
        self.home.mkdir()
        (self.home / "ca.toml").write_text(CA.format(name=self.name, home=self.home, address=self.address))
        self.mecai("init")
        delegates = ("ocsp-root", "ocsp-issuing")
        wanted = {profile: (profile, ()) for profile in delegates} | {"va": ("va", (f"vas.{self.name}.test",))}
        self.certify_each(wanted | ({"server": ("server", names)} if names else {}))
        lines = [f'public = "{self.home}/public"']
        for profile in delegates:
            files = (f'key = "{self.home}/{profile}.key.pem"', f'certificate = "{self.home}/{profile}.pem"')
            lines += ["[[delegate]]", *files]
        (self.home / "ocsp.toml").write_text("\n".join(lines))

    def entry(self, url: str, root: x509.Certificate) -> dict[str, Any]:
        """Describe the CA for the directory, with a VAS at `url` whose certificate chains to `root`."""
        described: dict[str, Any] = json.loads(self.mecai("describe"))
        pinned = base64.b64encode(root.public_bytes(Encoding.DER)).decode()
        return described | {"servers": [{"url": url, "roots": [pinned]}]}


@dataclass
class World:
    """Everything, running."""

    home: Path
    alder: Authority
    birch: Authority
    vas_port: int
    metrics: socket.socket
    vas: subprocess.Popen[bytes] | None = None
    others: list[dict[str, Any]] = field(default_factory=list)
    sequence: int = 0

    @property
    def chain_pem(self) -> Path:
        """What the TLS server shows."""
        return self.alder.home / "server.pem"

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The same as DER."""
        return chain_of(self.chain_pem)

    @property
    def url(self) -> str:
        """Where birch's VAS is."""
        return f"https://127.0.0.1:{self.vas_port}"

    @property
    def measured(self) -> Path:
        """Where the workers of the VAS measure."""
        return self.home / "measured"

    @property
    def directory_path(self) -> Path:
        """The signed directory."""
        return self.home / "directory.der"

    @property
    def publishers_path(self) -> Path:
        """The pin of its publisher."""
        return self.home / "publisher.pem"

    @property
    def directory(self) -> Directory:
        """The directory that is in force."""
        pins = load_certificates(self.publishers_path)
        return parse_directory(self.directory_path.read_bytes(), pins, datetime.now(UTC))

    def publish(self, *, distrust: list[dict[str, str]] | None = None) -> None:
        """Sign the next directory and put it into place."""
        self.sequence += 1
        entries = [
            self.alder.entry("https://vas.alder.test", TLS.root.certificate),
            self.birch.entry(self.url, TLS.root.certificate),
            *self.others,
        ]
        paths = [self.home / f"entry-{number}.json" for number in range(len(entries))]
        for path, entry in zip(paths, entries, strict=True):
            path.write_text(json.dumps(entry))
        (self.home / "distrust.json").write_text(json.dumps(distrust or []))
        words = [word for path in paths for word in ("--entry", path)]
        signer = ("--key", self.home / "publisher.key.pem", "--certificate", self.publishers_path)
        numbered = ("--context", "MOZ", "--sequence", str(self.sequence), "--distrust", self.home / "distrust.json")
        new = self.home / "directory.new"
        run(BIN / "mecai", "directory", "build", *numbered, *words, *signer, "--out", new)
        new.rename(self.directory_path)

    def request(self, chain: tuple[bytes, ...] = (), addresses: tuple[bytes, ...] = ()) -> VoucherRequest:
        """Return a request for the TLS server, or for another chain or other addresses."""
        chain = chain or self.chain
        return VoucherRequest(chain[0], chain[1:], addresses or (socket.inet_aton(SERVER),), PORT)

    def http(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/mecai-voucher-request",
        requester: str = SERVER,
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask the VAS over HTTPS, from the TLS server's own address or another one."""
        context = ssl.create_default_context(cadata=TLS.root.pem.decode())
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.vas_port, timeout=SECONDS, context=context, source_address=(requester, 0)
        )
        try:
            connection.request(method, path, body, {"Content-Type": content_type} if body is not None else {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def ask(self, request: VoucherRequest | bytes | None = None, requester: str = SERVER) -> tuple[int, bytes]:
        """Send a request for a voucher; return status and body."""
        request = request if request is not None else self.request()
        body = request if isinstance(request, bytes) else request.encode()
        response, answer = self.http("POST", "/v1/vouchers", body, requester=requester)
        return response.status, answer


def serve_by_openssl(stack: ExitStack, world: World) -> None:
    """Start the TLS server, and wait until it says that it accepts."""
    home = world.alder.home
    files = ("-cert", world.chain_pem, "-key", home / "server.key.pem", "-cert_chain", home / "public" / "issuing.pem")
    command = ["openssl", "s_server", "-accept", f"{SERVER}:{PORT}", *map(str, files)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    stack.callback(end, server)
    assert server.stdout is not None
    stack.enter_context(server.stdout)
    assert any(line == b"ACCEPT\n" for line in server.stdout)


@contextmanager
def running(
    home: Path,
    serve: Callable[[ExitStack, World], None] = serve_by_openssl,
    *,
    tls: bool = True,
    under: Sequence[str] = (),
    start: Start | None = None,
    **settings: str | int,
) -> Iterator[World]:
    """Bring everything up, in a folder of its own, and down again.

    `serve` starts the TLS server. Without `tls` the VAS speaks HTTP, as behind a proxy; its command lines begin with
    `under`. `start` starts it in the place of this module. `settings` are of `VAS`.
    """
    with ExitStack() as stack:
        addresses = [f"{NETWORK}.{number}" for number in (1, 2)]
        doors = [_open_door(stack, address, 80) for address in addresses]
        alder, birch = (
            Authority(each, home / each, at) for each, at in zip(("alder", "birch"), addresses, strict=True)
        )
        vas = _open_door(stack, "127.0.0.1", 0)
        world = World(home, alder, birch, vas.getsockname()[1], _open_door(stack, "127.0.0.1", 0))
        for authority, names, door in zip((alder, birch), ((NAME,), ()), doors, strict=True):
            authority.establish(*names)
            config = {"MECAI_OCSP_CONFIG": str(authority.home / "ocsp.toml")}
            _start(stack, _gunicorn(door, "mecai.ca.ocsp.app:create_app()"), authority.home / "ocsp.log", config, door)
        _lay(home)
        world.publish()
        serve(stack, world)
        world.vas = _start_vas(stack, world, vas, settings, tls=tls, under=under, start=start or _start)
        yield world


def _lay(home: Path) -> None:
    """Write the files of the publisher and of the VAS's web server."""
    site = TLS.server("127.0.0.1")
    for file, data in {
        "publisher.key.pem": PUBLISHER.key_pem,
        "publisher.pem": PUBLISHER.pem,
        "tls.key.pem": site.key_pem,
        "tls.pem": site.chain_pem,
    }.items():
        path = home / file
        path.touch(0o600)
        path.write_bytes(data)


def _start_vas(
    stack: ExitStack,
    world: World,
    door: socket.socket,
    settings: Mapping[str, str | int],
    *,
    tls: bool,
    under: Sequence[str],
    start: Start,
) -> subprocess.Popen[bytes] | None:
    home = world.birch.home
    config = home / "vas.toml"
    usual = {
        "key": f'key = "{home}/va.key.pem"',
        "database": f"sqlite:///{home}/vas.sqlite",
        "requests": 1000,
        "vouchers": 96,
        "parallel": 12,
        "hold": 0,
        "reuse": 0,
        "more": "",
    }
    names = {"home": home, "directory": world.directory_path, "publishers": world.publishers_path}
    config.write_text(VAS.format_map(usual | settings | names))
    run(BIN / "mecai", "vas", "check", "--config", config)
    run(*under, BIN / "mecai", "vas", "migrate", "--config", config)
    world.measured.mkdir()
    files = ["--certfile", str(world.home / "tls.pem"), "--keyfile", str(world.home / "tls.key.pem")] if tls else []
    environment = {"MECAI_VAS_CONFIG": str(config), "PROMETHEUS_MULTIPROC_DIR": str(world.measured)}
    metrics = [str(BIN / "gunicorn"), "--no-control-socket", "--bind", f"fd://{world.metrics.fileno()}", METRICS]
    _start(stack, metrics, world.home / "metrics.log", environment, world.metrics)
    command = [*under, *_gunicorn(door, VAS_APPLICATION), *files]
    return start(stack, command, world.home / "vas.log", environment, door)


def start_node(
    stack: ExitStack,
    world: World,
    door: socket.socket,
    release: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start another node of the VAS that is running, which speaks HTTP behind an open door.

    It is of this release, or of one whose packages are in a folder; its `environment` may name another configuration.
    """
    environment = {"MECAI_VAS_CONFIG": str(world.birch.home / "vas.toml"), **(environment or {})}
    log = world.home / f"node-{door.getsockname()[1]}.log"
    folder = [] if release is None else ["--chdir", str(release)]
    return _start(stack, [*_gunicorn(door, VAS_APPLICATION), *folder], log, environment, door)


def _gunicorn(door: socket.socket, application: str) -> list[str]:
    command = [str(BIN / "gunicorn"), "--worker-class", "gthread", "--threads", "16", "--no-control-socket"]
    return [*command, "--bind", f"fd://{door.fileno()}", application]


def _start(
    stack: ExitStack, command: list[str], log: Path, environment: Mapping[str, str], door: socket.socket
) -> subprocess.Popen[bytes]:
    """Start a server behind an open door: who comes early waits there."""
    with log.open("ab") as output:
        server = subprocess.Popen(
            command, env=environment, pass_fds=[door.fileno()], stdout=output, stderr=subprocess.STDOUT
        )
    stack.callback(end, server)
    return server


def end(server: subprocess.Popen[bytes]) -> None:
    if server.stdin is not None:
        server.stdin.close()
    server.terminate()
    server.wait(SECONDS)


def _open_door(stack: ExitStack, address: str, port: int) -> socket.socket:
    try:
        return stack.enter_context(socket.create_server((address, port)))
    except PermissionError:
        pytest.skip(f"port {port} of {address} cannot be bound; run the integration tests as root")
