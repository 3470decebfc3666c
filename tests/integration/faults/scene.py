"""Everything of a VAS on this host, under a supervisor: sites, PostgreSQL, signer, agent, registry, relay, server."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from cryptography.x509.oid import ExtendedKeyUsageOID

from mecai.perspective.config import PerspectiveConfig
from mecai.perspective.serve import VARIABLE, command
from mecai.protocol.objects.request import VoucherRequest
from mecai.service.settings import read_settings
from testbed.machine.waiting import until
from tests.integration.faults.supervisor import Service, Supervisor
from tests.integration.name_server import asking, name_server
from tests.integration.postgresql import PROGRAMS, as_its_user
from tests.integration.signing import CONFIG as SIGNER
from tests.integration.signing import PASSED, listening
from tests.integration.sites import serve_by_nginx
from tests.integration.vouching import BIN, NOW, PORT, SERVER, World, chain_of, run, running
from tests.pki import DAY, Hierarchy, issue, key, leaf_extensions

NETWORK: Final = SERVER.rpartition(".")[0]
DNS, AGENT, REGISTRY, RELAY = (f"{NETWORK}.{number}" for number in (5, 6, 7, 8))
PRIVATE: Final = Hierarchy("private CA of birch", NOW)  # of agents, registry and relay
PYTHON: Final = sys.executable
SECONDS: Final = 600  # for what takes long on a machine that is busy
MANY: Final = 10**9  # quotas are not what is tried
SETTINGS: Final = """
[mail]
sender = "notary@birch.test"
key = "{birch}/mail.key.pem"
certificate = "{birch}/mail.pem"
relay = "{relay}"
port = {relay_port}
new_addresses = true
registries = "{home}/rdap.json"
roots = "{home}/private.pem"
[perspectives]
region = "north"
key = "{home}/asking.key.pem"
certificate = "{home}/asking.pem"
roots = "{home}/private.pem"
[[perspectives.agent]]
name = "east"
url = "https://{agent}:{agent_port}"
region = "east"
"""
AGENT_SETTINGS: Final = """
key = "{home}/agent.key.pem"
certificate = "{home}/agent.pem"
roots = "{home}/private.pem"
allowed_networks = ["127.0.0.0/8"]
parallel = 16
"""


@dataclass(frozen=True)
class Scene:
    """What runs, and what it may be asked: `requests` all differ, and each certificate begins somewhere among them."""

    world: World
    supervisor: Supervisor
    database: str
    mails: Path
    requests: tuple[bytes, ...]
    certificates: int

    @property
    def config(self) -> Path:
        """The settings of the VAS."""
        return self.world.birch.home / "vas.toml"

    def ready(self) -> bool:
        """Tell whether the VAS says that it could vouch."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.world.vas_port}/readyz", timeout=60) as answer:
                return int(answer.status) == HTTPStatus.OK
        except OSError:
            return False

    def work_later(self, hours: int) -> None:
        """Do what the outbox has put off until in so many hours; `mecai vas work` must have ended."""
        program = (PYTHON, "-m", "tests.integration.faults.work_later", str(self.config), str(hours))
        subprocess.run([*asking(DNS, self.world.home), *program], check=True, timeout=SECONDS)


@contextmanager
def scene(home: Path, certificates: int, addresses: int, hold: int) -> Iterator[Scene]:
    """Run everything until the end; `hold` is in seconds."""
    supervisor = Supervisor()
    sites = [f"{NETWORK}.{100 + place}" for place in range(addresses)]

    def serve(stack: ExitStack, world: World) -> None:
        serve_by_nginx(stack, home, certify_sites(world, certificates), sites, PORT)
        certify_mail(world)
        start_signer(stack, supervisor, world)

    def start(_stack: object, words: list[str], log: Path, environment: dict[str, str], door: socket.socket) -> None:
        supervisor.start("vas", Service(words, log, environment, [door.fileno()]))

    with ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="mecai-postgresql-"))
        stack.callback(shutil.rmtree, place)
        stack.enter_context(name_server(DNS, {}))
        stack.enter_context(supervisor)
        url = start_postgresql(supervisor, place, home / "postgresql.log")
        more = start_surroundings(stack, supervisor, home)
        quotas = {"requests": MANY, "vouchers": MANY, "parallel": 48, "hold": hold, "database": url}
        texts = {"key": f'signer.socket = "{home}/signer.sock"', "more": more}
        world = stack.enter_context(running(home, serve, tls=False, start=start, **texts, **quotas))
        work = [*asking(DNS, home), str(BIN / "mecai"), "vas", "work", "--config", str(world.birch.home / "vas.toml")]
        supervisor.start("work", Service(work, home / "work.log"))
        requests = requests_of(world, certificates, sites)
        yield Scene(world, supervisor, url, home / "mails", requests, certificates)


def requests_of(world: World, certificates: int, sites: list[str]) -> tuple[bytes, ...]:
    """Ask for each certificate at each address, so that new ones come until half of all requests are done."""
    chains = [chain_of(world.alder.home / f"site{place}.pem") for place in range(certificates)]
    order = sorted(
        (place / certificates + turn / len(sites), place, turn)
        for place in range(certificates)
        for turn in range(len(sites))
    )
    return tuple(
        VoucherRequest(chains[place][0], chains[place][1:], (socket.inet_aton(sites[turn]),), PORT).encode()
        for _, place, turn in order
    )


def certify_sites(world: World, count: int) -> Mapping[str, Path]:
    """Let alder certify so many sites, of a registered domain each; return their chains by name."""
    wanted = {f"site{place}": ("server", (f"www.site{place}.test",)) for place in range(count)}
    return {f"www.{path.stem}.test": path for path in world.alder.certify_each(wanted)}


def certify_mail(world: World) -> None:
    """Let birch certify what its VAS signs mail with."""
    home, address = world.birch.home, "notary@birch.test"
    files = ("--key", home / "mail.key.pem", "--csr", home / "mail.csr", "--name", address)
    run(BIN / "mecai", "key", "create", *files)
    world.birch.mecai(
        "issue", "--profile", "mail", "--csr", home / "mail.csr", "--email", address, "--out", home / "mail.pem"
    )


def start_postgresql(supervisor: Supervisor, place: Path, log: Path) -> str:
    """Start a PostgreSQL that writes as it is delivered; return its URL once it answers."""
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(place, user)
    as_its_user("initdb", "-D", f"{place}/data", "-A", "trust", "-U", "mecai")
    server = [str(PROGRAMS.with_name("postgres")), "-D", f"{place}/data", "-k", str(place), "-c", "listen_addresses="]
    supervisor.start("postgresql", Service(server, log, user=user))
    ready = [str(PROGRAMS.with_name("pg_isready")), "-q", "-h", str(place)]
    until(lambda: subprocess.run(ready, check=False).returncode == 0, SECONDS, lambda: "the database does not serve")
    return f"postgresql+psycopg://mecai@/postgres?host={place}"


def start_signer(stack: ExitStack, supervisor: Supervisor, world: World) -> None:
    """Start what holds birch's key, behind a socket that stays open when it ends, as systemd keeps one."""
    birch, path = world.birch, world.home / "signer.sock"
    door = stack.enter_context(closing(listening(path)))
    config = birch.home / "signer.toml"
    config.write_text(SIGNER.format(home=birch.home, socket=path, server="0", operator="0"))
    program = [str(BIN / "mecai"), "vas", "signer", "--config", str(config)]
    words = ["bash", "-c", PASSED.format(descriptor=door.fileno()), "bash", *program]
    supervisor.start("signer", Service(words, world.home / "signer.log", doors=[door.fileno()]))


def start_surroundings(stack: ExitStack, supervisor: Supervisor, home: Path) -> str:
    """Start agent, registry and relay; return what the settings of the VAS say of them."""
    doors = {address: stack.enter_context(socket.create_server((address, 0))) for address in (AGENT, REGISTRY, RELAY)}
    ports = {address: door.getsockname()[1] for address, door in doors.items()}
    shown = {address: PRIVATE.server(address) for address in (AGENT, REGISTRY)}
    extensions = leaf_extensions(ExtendedKeyUsageOID.CLIENT_AUTH, ["vas.birch.test"])
    asking_key = key("VAS of birch")
    client = issue("VAS of birch", asking_key, PRIVATE.root, extensions, span=(NOW - DAY, NOW + DAY))
    for file, content in {
        "private.pem": PRIVATE.root.pem,
        "asking.key.pem": client.key_pem,
        "asking.pem": client.pem,
        "agent.key.pem": shown[AGENT].key_pem,
        "agent.pem": shown[AGENT].chain_pem,
        "registry.pem": shown[REGISTRY].key_pem + shown[REGISTRY].chain_pem,
        "rdap.json": json.dumps({"services": [[["test"], [f"https://{REGISTRY}:{ports[REGISTRY]}/"]]]}).encode(),
        "perspective.toml": AGENT_SETTINGS.format(home=home).encode(),
    }.items():
        (home / file).touch(0o600)
        (home / file).write_bytes(content)
    (home / "mails").mkdir()
    agent = read_settings(home / "perspective.toml", PerspectiveConfig)
    own = os.environ | {VARIABLE: str(home / "perspective.toml")}
    numbers = {address: str(door.fileno()) for address, door in doors.items()}
    programs = {
        AGENT: command(agent, f"fd://{numbers[AGENT]}"),
        REGISTRY: [PYTHON, "-m", "tests.integration.faults.registry", numbers[REGISTRY], str(home / "registry.pem")],
        RELAY: [PYTHON, "-m", "tests.integration.faults.relay", numbers[RELAY], str(home / "mails")],
    }
    for label, address in (("agent", AGENT), ("registry", REGISTRY), ("relay", RELAY)):
        log = home / f"{label}.log"
        supervisor.start(label, Service(programs[address], log, own, [doors[address].fileno()]))
    said = {"home": home, "birch": home / "birch", "relay": RELAY, "relay_port": ports[RELAY]}
    return SETTINGS.format_map(said | {"agent": AGENT, "agent_port": ports[AGENT]})
