"""Real agents under mutual TLS: gunicorn, a TLS server of OpenSSL's as target, and whoever has no business there."""

import os
import re
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from cryptography.x509.oid import ExtendedKeyUsageOID

from mecai.cli import vas
from mecai.errors import HostError
from mecai.net.web import trusting
from mecai.perspective.config import PerspectiveConfig
from mecai.perspective.serve import VARIABLE, command
from mecai.probing.agent import Agent
from mecai.probing.corroborate import ProbeOutcome, ProbeTarget
from mecai.probing.lookups import RecordType
from mecai.probing.offer import offers_for
from mecai.probing.quorum import Perspective
from mecai.service.deadline import Deadline
from mecai.service.settings import read_settings
from tests.integration.name_server import asking, name_server
from tests.integration.tls_server import TlsServer
from tests.patience import SECONDS
from tests.pki import DAY, Hierarchy, Issued, issue, key, leaf_extensions
from tests.ports import network
from tests.vas_settings import ALONE, with_agents

NOW = datetime.now(UTC).replace(microsecond=0)
NETWORK = network("127.78")
HERE, TARGET, PORT = f"{NETWORK}.1", f"{NETWORK}.2", 443
OURS, STRANGER = Hierarchy("agents of birch", NOW), Hierarchy("somebody", NOW)
SERVED = OURS.server(HERE)
SITE = Hierarchy("alder", NOW).server("www.example.test")
ROLE = yaml.safe_load((Path(__file__).parents[2] / "ansible/roles/perspective/vars/main.yml").read_text())


def client(ca: Hierarchy, purpose: object = ExtendedKeyUsageOID.CLIENT_AUTH) -> Issued:
    """Return what a VAS would show to an agent."""
    extensions = leaf_extensions(purpose, ["vas.birch.test"])  # type: ignore[arg-type]
    return issue("VAS of birch", key("VAS of birch"), ca.root, extensions, span=(NOW - DAY, NOW + DAY))


@dataclass(frozen=True)
class Running:
    """An agent's process, and how it is asked."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    def agent(self, shown: Issued | None, trusted: Hierarchy = OURS) -> Agent:
        """Return the agent as a VAS sees it that shows this certificate and trusts this CA."""
        context = trusting([trusted.root.certificate])
        if shown is not None:
            file = self.home / "client.pem"
            file.touch(0o600)
            file.write_bytes(shown.key_pem + shown.pem)
            context.load_cert_chain(file)
        return Agent(Perspective("east", "east"), f"https://{HERE}:{self.port}", lambda: context)


def _await(agent: Agent) -> None:
    """Ask an agent until it is ready: each question waits at its door."""
    deadline = Deadline(5 * SECONDS)
    while True:
        try:
            agent.require_ready(deadline)
        except HostError:
            deadline.require()
        else:
            return


@contextmanager
def running(
    home: Path,
    *,
    settings: str = 'allowed_networks = ["127.0.0.0/8"]',
    within: Sequence[str] = (),
    served: Issued = SERVED,
) -> Iterator[Running]:
    """Run an agent until the end; whoever comes early waits at its door. `within` is what its command begins with."""
    paths = {name: home / name for name in ("key", "certificate", "roots")}
    for path, content in zip(paths.values(), (served.key_pem, served.chain_pem, OURS.root.pem), strict=True):
        path.touch(0o600)
        path.write_bytes(content)
    lines = [f'{name} = "{path}"' for name, path in paths.items()]
    config = home / "perspective.toml"
    config.write_text("\n".join([*lines, settings]))
    try:
        door = socket.create_server((HERE, 0))
    except OSError as error:
        pytest.skip(f"{HERE}: {error}")
    with door:
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [*within, *command(read_settings(config, PerspectiveConfig), f"fd://{door.fileno()}")],
                env={VARIABLE: str(config)},
                pass_fds=[door.fileno()],
                stdout=log,
                stderr=log,
            )
        try:
            agent = Running(home, door.getsockname()[1], process)
            _await(agent.agent(client(OURS)))
            yield agent
        finally:
            process.terminate()
            process.wait(SECONDS)


def end_worker(agent: Running, by: signal.Signals) -> None:
    """End the process that serves, and wait for that; gunicorn starts another."""
    children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children").read_text()
    worker = os.pidfd_open(int(children.split()[0]))
    try:
        signal.pidfd_send_signal(worker, by)
        assert select.select([worker], [], [], SECONDS)[0]
    finally:
        os.close(worker)


@pytest.fixture
def site() -> Iterator[TlsServer]:
    """Run the TLS server that is probed."""
    try:
        server = TlsServer([SITE], address=TARGET, port=PORT)
    except PermissionError:
        pytest.skip(f"port {PORT} cannot be bound; run the integration tests as root")
    with server:
        yield server


def target(*addresses: str) -> ProbeTarget:
    octets = tuple(map(socket.inet_aton, addresses or (TARGET,)))
    return ProbeTarget(octets, PORT, "www.example.test", offers_for(SITE.chain), SITE.chain_der)


def test_an_agent_says_what_it_sees(site: TlsServer, tmp_path: Path) -> None:
    with running(tmp_path) as agent:
        seen, silent = agent.agent(client(OURS)).ask(target(TARGET, f"{NETWORK}.9"), Deadline(SECONDS)).results
    assert (seen.outcome, seen.intermediates_matched) == (ProbeOutcome.AGREED, True)
    assert silent.outcome is ProbeOutcome.UNREACHABLE
    assert [met.server_name for met in site.history] == ["www.example.test"]


def test_its_own_list_holds(site: TlsServer, tmp_path: Path) -> None:
    with running(tmp_path, settings="") as agent:
        (result,) = agent.agent(client(OURS)).ask(target(), Deadline(SECONDS)).results
    assert result.outcome is ProbeOutcome.UNREACHABLE
    assert "loopback" in result.details[0]
    assert not site.history


@pytest.mark.usefixtures("site")
def test_an_agent_that_is_started_anew_loses_no_question(tmp_path: Path) -> None:
    """Its VAS has a connection to it, which is used again; those to a worker that is gone are not."""
    with running(tmp_path) as agent:
        asked, lines = agent.agent(client(OURS)), []
        for end in (None, None, signal.SIGTERM, None):
            if end is not None:
                end_worker(agent, end)
            assert asked.ask(target(), Deadline(SECONDS)).addresses
            lines += [each.secure for each in asked._kept._waiting]
    assert [lines.index(each) for each in lines] == [0, 0, 2, 2]


@pytest.mark.usefixtures("site")
def test_a_connection_that_waits_for_its_next_question_keeps_no_thread(tmp_path: Path) -> None:
    with running(tmp_path, settings='parallel = 1\nallowed_networks = ["127.0.0.0/8"]') as agent:
        first, second = agent.agent(client(OURS)), agent.agent(client(OURS))
        for asked in (first, second, first, second):
            assert asked.ask(target(), Deadline(SECONDS)).addresses
            assert len(asked._kept._waiting) == 1


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(None, id="nothing"),
        pytest.param(client(STRANGER), id="another CA's"),
        pytest.param(client(OURS, ExtendedKeyUsageOID.SERVER_AUTH), id="a server's, such as another agent's"),
    ],
)
def test_nobody_else_is_answered(site: TlsServer, tmp_path: Path, shown: Issued | None) -> None:
    with running(tmp_path) as agent, pytest.raises(HostError, match=r"^agent east: "):
        agent.agent(shown).ask(target(), Deadline(SECONDS))
    assert not site.history


def test_the_dns_is_looked_into_for_the_vas_alone_and_not_everywhere(tmp_path: Path) -> None:
    settings = 'refused_domains = ["corp.test"]'
    with running(tmp_path, settings=settings) as agent:
        for shown, said in ((client(OURS), "answered 403 FORBIDDEN"), (client(STRANGER), "")):
            with pytest.raises(HostError, match=f"^agent east: {said}"):
                agent.agent(shown).look("hosts.corp.test", RecordType.TXT, Deadline(SECONDS))


def test_no_name_elsewhere_leads_into_a_refused_domain(tmp_path: Path) -> None:
    """Whether there is anything at the name that it stands for, or not."""
    if os.geteuid():
        pytest.skip("a name server takes root: port 53, and a mount namespace for its client")
    address = f"{NETWORK}.3"
    zone = {
        ("_mecai-complaint._x.example.test", "TXT"): '"proof"',
        ("alias.example.test", "CNAME"): "_mecai-complaint._x.example.test",
        ("evil.example.test", "CNAME"): "hosts.Corp.test",
        ("worse.example.test", "CNAME"): "none.corp.test",
        ("hosts.Corp.test", "TXT"): '"secret"',
        ("hosts.Corp.test", "CAA"): '0 iodef "mailto:secret@corp.test"',
    }
    refused = 'refused_domains = ["corp.test"]'
    with (
        name_server(address, zone),
        running(tmp_path, settings=refused, within=asking(address, tmp_path)) as agent,
    ):
        asked = agent.agent(client(OURS))
        for name in ("_mecai-complaint._x.example.test", "alias.example.test"):
            assert asked.look(name, RecordType.TXT, Deadline(SECONDS)) == (("", b"proof"),)
        for name in ("evil.example.test", "worse.example.test"):
            for kind in RecordType:
                with pytest.raises(HostError, match="answered 403 FORBIDDEN"):
                    asked.look(name, kind, Deadline(SECONDS))


def test_an_operator_sees_which_agents_answer_and_whether_they_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two, one may be away; without any there is no quorum."""
    monkeypatch.chdir(tmp_path)
    shown = client(OURS)
    files = {"key": shown.key_pem, "certificate": shown.pem, "root": OURS.root.pem}
    for name, content in files.items():
        (tmp_path / f"vas-{name}.pem").touch(0o600)
        (tmp_path / f"vas-{name}.pem").write_bytes(content)
    settings = tmp_path / "vas.toml"

    def ask(*ports: int) -> tuple[int, list[str]]:
        urls = zip(("east", "south"), (f"https://{HERE}:{port}" for port in ports), strict=True)
        settings.write_text(with_agents(dict(urls)))
        ran = CliRunner().invoke(vas.command, ["perspectives", "--config", str(settings)], standalone_mode=False)
        assert ran.exception is None
        return ran.return_value, ran.output.splitlines()

    with running(tmp_path) as agent, socket.create_server((HERE, 0)) as other:
        away = other.getsockname()[1]
        other.close()
        code, lines = ask(agent.port, away)
    assert (code, lines[0]) == (0, "agent  region  state")
    assert lines[1:4:2] == ["east   east    ready", "south  south   no answer"]
    assert lines[4].startswith("  agent south: ")
    code, lines = ask(away, away)
    assert code == 1
    settings.write_text(ALONE)
    ran = CliRunner().invoke(vas.command, ["perspectives", "--config", str(settings)], standalone_mode=False)
    assert "this VAS looks from its own host alone" in str(ran.exception)


def test_the_role_asks_by_openssl_whether_an_agent_answers_its_client_alone(tmp_path: Path) -> None:
    def good(port: int, roots: Issued) -> bool:
        (tmp_path / "asked-roots.pem").write_bytes(roots.pem)
        told = {"port": str(port), "host_name": HERE, "roots": f"{tmp_path}/asked-roots.pem"}
        (question,) = ROLE["__perspective_questions"]
        argv = [*ROLE["__perspective_ask"], *re.findall(r"'([^']+)'", question["argv"]), HERE]
        for name, value in told.items():
            argv = [word.replace(f"{{{{ __perspective_{name} }}}}", value) for word in argv]
        argv = [word.replace("localhost", HERE).replace("-verify_hostname", "-verify_ip") for word in argv]
        ran = subprocess.run(argv, input=b"", capture_output=True, timeout=SECONDS, check=False)
        said = (ran.stdout + ran.stderr).decode()
        return ran.returncode in question["codes"] and bool(re.search(question["answer"], said))

    with running(tmp_path) as agent, socket.create_server((HERE, 0)) as other:
        assert good(agent.port, OURS.root)
        assert not good(agent.port, STRANGER.root)
        away = other.getsockname()[1]
    assert not good(away, OURS.root)


def test_an_agent_of_another_ca_is_not_asked(site: TlsServer, tmp_path: Path) -> None:
    with running(tmp_path) as agent, pytest.raises(HostError, match=r"^agent east: .*(verify|self-signed|issuer)"):
        agent.agent(client(OURS), trusted=STRANGER).ask(target(), Deadline(SECONDS))
    assert not site.history


def test_one_that_ends_in_the_middle_of_a_question_is_one_without_an_answer(tmp_path: Path) -> None:
    """The target takes the connection and says nothing; the agent is killed meanwhile."""
    try:
        silent = socket.create_server((TARGET, PORT))
    except PermissionError:
        pytest.skip(f"port {PORT} cannot be bound; run the integration tests as root")
    with silent, running(tmp_path) as agent:

        def kill() -> None:
            line, _ = silent.accept()
            with line:
                end_worker(agent, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(HostError, match=r"^agent east: "):
            agent.agent(client(OURS)).ask(target(), Deadline(SECONDS))
        killer.join(SECONDS)
