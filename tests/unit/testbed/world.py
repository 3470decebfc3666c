"""A lab in memory: it holds what attacks change and answers the commands of scenarios from that.

What they change: the resolver's lies, files on the attacker's host, certificates that were issued and not revoked.
"""

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from testbed.machine.lab import Lab
from testbed.model import plan, reading
from testbed.model.plan import Plan
from testbed.roles import ROLES
from testbed.scenarios.arena import Arena

PLAN = plan.make(reading.load(reading.find("small"), ROLES))
SITE = "www.example.test"
LOOT = "attacker:/var/lib/attack/rogue"
_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(serial: int) -> str:
    """Return a certificate (PEM) with this serial number."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SITE)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, _KEY.public_key(), serial, start, start + timedelta(days=1))
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


class World:
    """A lab in memory; `broken` names a word: every command that holds it fails; `answers` overrides a client's."""

    def __init__(self, *, broken: str = "", answers: Mapping[str, tuple[int, str]] | None = None) -> None:
        self.lies: set[str] = set()
        self.files: dict[str, str] = {}
        self.valid: set[str] = set()
        self.issued = 0
        self.commands: list[str] = []
        self.killer: type[BaseException] | None = None
        self.broken, self.answers = broken, answers or {}

    def arena(self, folder: Path, lab_plan: Plan = PLAN) -> Arena:
        """Return this lab as scenarios see it, its files in a folder."""
        return Arena(Lab("world", labs=folder), lab_plan, self.run)

    @property
    def clean(self) -> bool:
        """Whether nothing of an attack is left."""
        return not (self.lies or self.files or self.valid)

    def run(self, host: str, command: Sequence[str], stdin: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a host."""
        words = " ".join(command)
        self.commands.append(f"{host}: {words}")
        if self.killer:
            raise self.killer
        if self.broken and self.broken in words:
            return subprocess.CompletedProcess(list(command), 1, "", f"{host}: broken\n")
        code, output = self._run(host, list(command), stdin)
        return subprocess.CompletedProcess(list(command), code, output, "")

    def _run(self, host: str, command: list[str], stdin: str) -> tuple[int, str]:
        match command:
            case [*_, "mecai", "client", "get", _]:
                refused = (1, "refused: no-voucher") if self.lies else (0, "accepted")
                return self.answers.get(f"mecai {'attacked' if self.lies else 'peaceful'}", refused)
            case [*_, "mecai", "client", "get", "--config", _, "--format", "json", "--timeout", _, _]:
                return self._answer()
            case [*_, "curl", "--silent", "--show-error", "--max-time", _, _]:
                page = "This page comes from the attacker." if self.lies else "This is the real one."
                return self.answers.get("curl", (0, page))
            case ["runuser", "-u", "mecai-ca", "--", "mecai", "ca", "issue", *_]:
                return 0, self._issue()
            case [*_, "revoke", "--config", _, "--serial", serial]:
                self.valid.discard(serial)
            case ["unbound-control", "local_data", record]:
                self.lies.add(record)
            case ["unbound-control", "local_data_remove", name]:
                self.lies = {lie for lie in self.lies if not lie.startswith(name)}
            case _:
                return self._touch(host, command, stdin)
        return 0, ""

    def _issue(self) -> str:
        self.issued += 1
        self.valid.add(f"{self.issued:x}")
        return certificate(self.issued) + certificate(0xCA)

    def _answer(self) -> tuple[int, str]:
        reason, verdict = ("no-voucher", "refused") if self.lies else (None, "accepted")
        document = {"verdict": verdict, "reason": reason, "candidates": []}
        return self.answers.get("json", (int(bool(self.lies)), json.dumps(document)))

    def _touch(self, host: str, command: list[str], stdin: str) -> tuple[int, str]:
        match command:
            case ["tee", file]:
                self.files[f"{host}:{file}"] = stdin
            case ["cat", file]:
                return int(f"{host}:{file}" not in self.files), self.files.get(f"{host}:{file}", "")
            case ["base64", "-w0", file]:
                return 0, base64.b64encode(self.files[f"{host}:{file}"].encode()).decode()
            case ["test", "-s", file]:
                return int(not any(name.startswith(f"{host}:{file}") for name in self.files)), ""
            case ["rm", _, *files]:
                self._remove(host, files)
            case ["sh", "-c", script, "sh", target, *_] if "base64 -d" in script:
                self.files[f"{host}:{target}"] = base64.b64decode(stdin).decode()
            case ["sh", "-c", script, "sh", target, *_] if "genpkey" in script:
                self.files[f"{host}:{target}/key.pem"] = "a key"
            case ["sh", "-c", script, "sh", target, *_] if "respout" in script:
                self.files[f"{host}:{target}/staple.der"] = "good"
            case ["sh", "-c", script, "sh", target, *_] if script.startswith("rm -rf"):
                self._remove(host, [target])
        return 0, ""

    def _remove(self, host: str, names: Sequence[str]) -> None:
        gone = tuple(f"{host}:{name}" for name in names)
        self.files = {name: text for name, text in self.files.items() if not name.startswith(gone)}
