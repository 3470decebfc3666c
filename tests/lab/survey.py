"""What a host is, read in one visit: each SSH command costs more than all that it asks.

`SCRIPT` runs on the host, in its own Python, and prints JSON; `Survey` is what it says.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from testinfra.host import Host

# Where programs keep keys (/etc/ssh holds the host's own, the virtual environment holds none), and where MECAI's do.
EVERYWHERE = ("/etc", "/home", "/opt/mecai", "/root", "/srv", "/tmp", "/usr/local", "/var")  # noqa: S108 - looked at only
OWN_FOLDERS = (
    "/etc/ssl/private",
    *(
        f"/var/lib/mecai-{service}"
        for service in (
            "agents",
            "ca",
            "ca-public",
            "ocsp",
            "perspective",
            "publisher",
            "publisher-public",
            "push",
            "sidecar",
            "site",
            "vas",
            "vas-signer",
        )
    ),
)

SCRIPT = """
import json, os, pwd, re, subprocess, sys

def run(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout

def private_keys():
    for top in sys.argv[1:]:
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/etc/ssh", "/opt/mecai/venv")]
            for path in (os.path.join(folder, name) for name in files):
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as file:
                        line = file.readline(80)
                    if line.startswith(b"-----BEGIN") and b"PRIVATE KEY" in line:
                        found = os.stat(path)
                        yield path, [pwd.getpwuid(found.st_uid).pw_name, oct(found.st_mode & 0o7777)]

def units():
    shown = run("systemctl", "show", "--property=Id,ActiveState,UnitFileState,User", "*.service", "*.socket", "*.timer")
    blocks = (dict(line.split("=", 1) for line in block.splitlines()) for block in shown.strip().split("\\n\\n"))
    return {unit["Id"]: unit for unit in blocks}

def exposure():
    # By their names: a list of all units leaves out those that run once, or before others.
    files = run("systemctl", "list-unit-files", "--no-legend", "--plain", "mecai-*.service").splitlines()
    names = [name for name in (line.split()[0] for line in files) if not name.endswith("@.service")]
    shown = run("systemd-analyze", "security", "--no-pager", *names) if names else ""
    return {name: float(level) for name, level in re.findall(r"exposure level for (\\S+): ([0-9.]+)", shown)}

print(json.dumps({
    "keys": dict(private_keys()),
    "sockets": [line.split()[0::4][:2] for line in run("ss", "-Hlntu").splitlines()],
    "units": units(),
    "exposure": exposure(),
}))
"""


@dataclass(frozen=True)
class Unit:
    """A systemd unit's state, and the user whom a service runs as (empty: root)."""

    active: str
    enabled: str
    user: str


@dataclass(frozen=True)
class Survey:
    """What `SCRIPT` found: private keys as path to (owner, mode), listening sockets as (protocol, address:port)."""

    keys: dict[str, tuple[str, str]]
    sockets: frozenset[tuple[str, str]]
    units: dict[str, Unit]
    exposure: dict[str, float]


def survey(host: Host, folders: Sequence[str]) -> Survey:
    """Visit a host, and look for private keys in these folders."""
    found = json.loads(host.check_output(f"python3 -c %s {' '.join(folders)}", SCRIPT))
    return Survey(
        keys={path: (owner, mode) for path, (owner, mode) in found["keys"].items()},
        sockets=frozenset((protocol, address) for protocol, address in found["sockets"]),
        units={
            name: Unit(unit["ActiveState"], unit["UnitFileState"], unit.get("User", ""))
            for name, unit in found["units"].items()
        },
        exposure=found["exposure"],
    )
