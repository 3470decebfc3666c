"""The demonstration: an accepted connection, an attack that a plain client believes, a refusal, and the healed lab.

The attack is the one MECAI is for. A certificate authority that is not the site's own issues a certificate for the
site's name to an attacker, and the client's resolver is made to point at the attacker. Nothing is simulated: the
authority's own tool issues, the attacker's nginx answers, the resolver lies. Whatever happens, the lab is healed at the
end.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography import x509

from mecai.errors import HostError
from testbed.drivers.nspawn import hosts
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.machine.limits import LIMITS
from testbed.model.plan import Plan

_SITE_FILE = "/etc/nginx/conf.d/impersonation.conf"
_CHAIN_FILE = "/etc/ssl/certs/impersonation.pem"
_KEY_FILE = "/etc/ssl/private/attacker.pem"
_PAGE = "This page comes from the attacker."
_SITE = f"""server {{
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name NAME;
    ssl_certificate {_CHAIN_FILE};
    ssl_certificate_key {_KEY_FILE};
    default_type text/plain;
    location / {{ return 200 "{_PAGE}\\n"; }}
}}
"""


@dataclass(frozen=True)
class Scene:
    """One command on one host, what it said, and whether that is what the story expects."""

    title: str
    host: str
    command: str
    output: str
    exit_code: int
    expected: str
    good: bool


@dataclass(frozen=True)
class Cast:
    """Who plays: names of hosts, and the name of the site that is attacked."""

    client: str
    attacker: str
    resolver: str
    issuer: str
    compromised: str
    site: str


Show = Callable[[Scene], None]


def cast(plan: Plan) -> Cast:
    """Find the players of a topology; raises `HostError` for one that has too few."""
    by_role: dict[str, list[str]] = {}
    for host in plan.topology.hosts:
        by_role.setdefault(host.role, []).append(host.name)
    try:
        server = plan.topology.host(by_role["tls_server"][0])
        issuer = str(server.variables.get("certified_by", by_role["authority"][0]))
        compromised = next(name for name in by_role["authority"] if name != issuer)
        return Cast(
            client=by_role["client"][0],
            attacker=by_role["attacker"][0],
            resolver=plan.topology.router.name,
            issuer=issuer,
            compromised=compromised,
            site=server.names[0],
        )
    except (KeyError, IndexError, StopIteration) as error:
        raise HostError(
            f"topology {plan.topology.name}: the demonstration needs a tls_server with a name, a client, an attacker "
            "and two authorities"
        ) from error


def play(lab: Lab, plan: Plan, show: Show, *, colour: bool = False) -> list[Scene]:
    """Play all scenes, each shown as it ends; raises `HostError` for the first that goes otherwise than expected."""
    players = cast(plan)
    scenes: list[Scene] = []
    fetch = ["mecai", "client", "get", f"https://{players.site}/"]
    believe = ["curl", "--silent", "--show-error", "--max-time", "10", f"https://{players.site}/"]

    def act(title: str, command: list[str], expected: str, code: int, pattern: str) -> None:
        environment = ["env", "FORCE_COLOR=1", "COLUMNS=110"] if colour else ["env", "COLUMNS=110"]
        done = _on(lab, players.client, [*environment, *command])
        output = (done.stdout + done.stderr).rstrip()
        good = done.returncode == code and re.search(pattern, output) is not None
        scene = Scene(title, players.client, " ".join(command), output, done.returncode, expected, good)
        scenes.append(scene)
        show(scene)
        if not good:
            raise HostError(f"demonstration, {title!r}: exit code {done.returncode}, expected {code} and {expected}")

    accepted = "verdict accepted"
    act("The client demands vouchers, and gets one", fetch, accepted, 0, "accepted")
    with impersonation(lab, plan, players):
        act(
            f"{players.compromised} is compromised, the resolver lies: a plain client believes the attacker",
            believe, "the attacker's page", 0, re.escape(_PAGE),
        )  # fmt: skip
        act("The client that demands vouchers refuses", fetch, "verdict refused, reason no-voucher", 1, "no-voucher")
    act("The lab is healed", fetch, accepted, 0, "accepted")
    return scenes


@contextmanager
def impersonation(lab: Lab, plan: Plan, players: Cast) -> Iterator[None]:
    """Let the attacker answer for the site, with a certificate of the compromised authority; heals at the end."""
    serial = ""
    try:
        serial = _issue_to_attacker(lab, players)
        _do(lab, players.attacker, ["tee", _SITE_FILE], _SITE.replace("NAME", players.site))
        _do(lab, players.attacker, ["systemctl", "reload-or-restart", "nginx"])
        for kind, address in zip(("A", "AAAA"), plan.addresses(players.attacker), strict=True):
            _do(lab, players.resolver, ["unbound-control", "local_data", f"{players.site}. 1 IN {kind} {address}"])
        yield
    finally:
        _heal(lab, players, serial)


def _issue_to_attacker(lab: Lab, players: Cast) -> str:
    """Let the compromised authority issue for the attacker's key; returns the serial number in hexadecimal."""
    wish = ["openssl", "req", "-new", "-key", _KEY_FILE, "-subj", f"/CN={players.site}"]
    request = _do(lab, players.attacker, wish)
    issue = ["mecai", "ca", "issue", "--config", "/etc/mecai/ca.toml", "--profile", "server", "--days", "1"]
    issue += ["--dns", players.site, "--csr", "-", "--out", "-"]
    chain = _do(lab, players.compromised, ["runuser", "-u", "mecai-ca", "--", *issue], request)
    _do(lab, players.attacker, ["tee", _CHAIN_FILE], chain)
    return f"{x509.load_pem_x509_certificate(chain.encode()).serial_number:x}"


def _heal(lab: Lab, players: Cast, serial: str) -> None:
    """Undo everything; each step is tried, whatever became of the others; raises the first failure."""
    revoke = ["mecai", "ca", "revoke", "--config", "/etc/mecai/ca.toml", "--serial", serial]
    steps = [
        (players.resolver, ["unbound-control", "local_data_remove", f"{players.site}."]),
        (players.attacker, ["rm", "--force", _SITE_FILE, _CHAIN_FILE]),
        (players.attacker, ["systemctl", "reload-or-restart", "nginx"]),
    ]
    if serial:
        steps.append((players.compromised, ["runuser", "-u", "mecai-ca", "--", *revoke]))
    failures = []
    for host, command in steps:
        try:
            _do(lab, host, command)
        except HostError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _do(lab: Lab, host: str, command: list[str], stdin: str = "") -> str:
    """Run a command of the story that must succeed; returns its stdout."""
    done = _on(lab, host, command, stdin)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"demonstration: {host}: {' '.join(command[:6])}: exit code {done.returncode}: {said}")
    return done.stdout


def _on(lab: Lab, host: str, command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            hosts.enter(lab, host, command),
            input=stdin, capture_output=True, text=True, check=False, timeout=LIMITS.command_seconds,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise tools.absent("nsenter") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(
            f"demonstration: {host}: {' '.join(command[:6])}: no end after {LIMITS.command_seconds:.0f} s"
        ) from error
