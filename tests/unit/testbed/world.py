"""A lab in memory: it holds what attacks change and answers the commands of scenarios from that.

What they change: the resolvers' lies, rules for packets, units, directories, files on hosts, announced prefixes,
certificates that were issued and not revoked. What the lab has of itself is `laid`.
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
from testbed.model.plan import Plan
from testbed.scenarios.arena import Arena
from tests.unit.testbed import laid
from tests.unit.testbed.laid import PLAN

SITE = "www.example.test"
LOOT = "attacker:/var/lib/attack/rogue"
_SCRIPTS = (
    *("exec mv", "mecai-scenario", "base64 -d", "genpkey", "respout", "x509 -req"),
    *("nft delete", "systemctl stop", "rm -rf"),
)
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
        self.told: set[str] = set()  # what resolvers were told to say of names
        self.files: dict[str, str] = {}
        self.valid: set[str] = set()
        self.revoked: set[str] = set()
        self.rules: set[str] = set()
        self.units: set[str] = set()
        self.directories: dict[str, str] = {}  # those that are not the publisher's own, by host
        self.published: dict[str, int] = {}  # the number of the publisher's own that each host got last
        self.issued = 0
        self.commands: list[str] = []
        self.killer: type[BaseException] | None = None
        self.broken, self.answers = broken, answers or {}
        self.asking: set[str] = set()  # the hosts on which clients have settings of a scenario's
        self._laid: Mapping[str, bytes] = {}
        self._records: set[str] = set()
        self.announced: list[str] = []  # what a router told others besides the lab's own
        self.signed: list[str] = []  # the manners of the directories that the vendor signed

    def arena(self, folder: Path, lab_plan: Plan = PLAN) -> Arena:
        """Return this lab as scenarios see it, its files in a folder."""
        self._laid, self._records = laid.files(lab_plan), laid.records(lab_plan)
        self.told |= self._records
        return Arena(Lab("world", labs=folder), lab_plan, self.run)

    @property
    def lies(self) -> set[str]:
        """What resolvers say otherwise than the lab's own."""
        return self.told ^ self._records

    @property
    def attacked(self) -> bool:
        """Whether anything is other than the lab's own."""
        changed = (self.lies, self.files, self.valid, self.rules, self.units, self.directories, self.announced)
        return any(changed)

    @property
    def clean(self) -> bool:
        """Whether nothing of a scenario is left."""
        return not (self.attacked or self.asking)

    def run(self, host: str, command: Sequence[str], stdin: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a host."""
        words = " ".join(command)
        self.commands.append(f"{host}: {words}")
        if self.killer:
            raise self.killer
        if self.broken and self.broken in words:
            return subprocess.CompletedProcess(list(command), 1, "", f"{host}: broken\n")
        code, output = self._run(host, list(command), stdin)
        said = "" if code == 0 else output
        return subprocess.CompletedProcess(list(command), code, output, said)

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
            case ["mecai", "voucher", "request", *options]:
                return self._vouch(host, dict(zip(options[::2], options[1::2], strict=True)))
            case ["runuser", "-u", "mecai-ca", "--", "mecai", "ca", "issue", *_]:
                return 0, self._issue()
            case _:
                return self._change(host, command, stdin)

    def _change(self, host: str, command: list[str], stdin: str) -> tuple[int, str]:
        match command:
            case [*_, "revoke", "--config", _, "--serial", serial]:
                self.valid.discard(serial)
                self.revoked.add(serial)
            case ["unbound-control", "local_data", record]:
                self.told.add(record)
            case ["unbound-control", "local_data_remove", name]:
                self.told = {record for record in self.told if not record.startswith(f"{name} ")}
            case ["nft", "-f", "-"]:
                self.rules.add(f"{host}: {stdin.split()[2]}")
            case ["systemd-run", *options]:
                self.units |= {f"{host}: {each[7:]}" for each in options if each.startswith("--unit=")}
            case ["birdc", "configure"]:
                self.announced = [text for name, text in self.files.items() if f"{host}:/etc/bird/added/" in name]
            case ["birdc", "show", "route", *_]:
                return 0, "".join(self.announced)
            case [_, "-c", text] if command[0] != "bash":
                return 0, self._tool(text, stdin)
            case _:
                return self._touch(host, command, stdin)
        return 0, ""

    def _issue(self) -> str:
        self.issued += 1
        self.valid.add(f"{self.issued:x}")
        return certificate(self.issued) + certificate(0xCA)

    def _vouch(self, host: str, options: Mapping[str, str]) -> tuple[int, str]:
        chain = x509.load_pem_x509_certificates(self.files[f"{host}:{options['--chain']}"].encode())
        if self.revoked & {f"{each.serial_number:x}" for each in chain}:
            return 1, "mecai: https://vas.test: revoked: certificate: is revoked"
        self.files[f"{host}:{options['--out']}"] = "a voucher"
        return 0, ""

    def _answer(self) -> tuple[int, str]:
        reason, verdict = ("no-voucher", "refused") if self.lies else (None, "accepted")
        document = {"verdict": verdict, "reason": reason, "candidates": []}
        return self.answers.get("json", (int(bool(self.lies)), json.dumps(document)))

    def _tool(self, text: str, stdin: str) -> str:
        if "Sign a variation of the directory" in text:
            self.signed.append(json.loads(stdin)["manner"])
        return base64.b64encode(b"octets").decode()

    def _touch(self, host: str, command: list[str], stdin: str) -> tuple[int, str]:
        match command:
            case ["tee", file]:
                self.files[f"{host}:{file}"] = stdin
            case ["cat", file]:
                found = self._read(f"{host}:{file}")
                return int(found is None), (found or b"").decode()
            case ["base64", "-w0", file]:
                found = self._read(f"{host}:{file}")
                assert found is not None, f"{host}:{file}"
                return 0, base64.b64encode(found).decode()
            case ["ls", folder]:
                return 0, "\n".join(name.rpartition("/")[2] for name in self._laid if f"{host}:{folder}/" in name)
            case ["test", "-s", file]:
                return int(not any(name.startswith(f"{host}:{file}") for name in self.files)), ""
            case ["rm", _, *files]:
                self._remove(host, files)
            case ["sh" | "bash", "-c", script, *words]:
                return 0, self._script(host, script, words, stdin)
        return 0, ""

    def _script(self, host: str, script: str, words: Sequence[str], stdin: str) -> str:
        """Do what a script of the means does, told by what it alone has in it."""
        target = words[1] if words else ""
        match next((sign for sign in _SCRIPTS if sign in script), script):
            case "exec mv":
                self._get_directory(host)
            case "mecai-scenario":
                self.asking.add(host)
            case "base64 -d":
                self.files[f"{host}:{target}"] = base64.b64decode(stdin).decode("latin-1")
            case "genpkey":
                self.files[f"{host}:{target}/key.pem"] = "a key"
            case "respout":
                return base64.b64encode(b"good").decode()
            case "x509 -req":
                return certificate(0xEE)
            case "nft delete":
                self.rules.discard(f"{host}: {target}")
            case "systemctl stop":
                self.units.discard(f"{host}: {target}")
            case "rm -rf":
                self._remove(host, [target])
            case other:
                assert "-delete" in other, other  # vouchers, which the server's sidecar gets again
        return ""

    def _get_directory(self, host: str) -> None:
        """Let a host have the directory that was signed last; the publisher's own is nothing to be undone."""
        if self.signed[-1] == "honest":
            self.directories.pop(host, None)
            self.published[host] = len(self.signed)
        else:
            self.directories[host] = self.signed[-1]

    def _read(self, name: str) -> bytes | None:
        written = self.files.get(name)
        return self._laid.get(name) if written is None else written.encode("latin-1")

    def _remove(self, host: str, names: Sequence[str]) -> None:
        if "/run/mecai-scenario" in names:
            self.asking.discard(host)
        gone = tuple(f"{host}:{name}" for name in names)
        self.files = {name: text for name, text in self.files.items() if not name.startswith(gone)}
