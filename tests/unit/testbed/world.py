"""A lab in memory: it holds what attacks change and answers the commands of scenarios from that.

What they change: the resolvers' lies, names of the zone, rules for packets, units, directories, files on hosts,
settings of VASs, announced prefixes, certificates issued and not revoked. What the lab has of itself is `laid`.
"""

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
from tests.unit.testbed.slotted import Slotted

SITE = "www.example.test"
LOOT = "attacker:/var/lib/attack/rogue"
_SCRIPTS = (
    *("exec mv", "mecai-scenario", "base64 -d", "genpkey", "respout", "x509 -req", "knotc", "kdig", "cp --preserve"),
    *('mv "$1.kept"', 'cp "$2/key.pem"', 'rm "$1"', "nft delete", "systemctl stop", "rm -rf"),
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
        self.served = 0  # the number of the directory that the vendor's web server shows; 0: what it showed before
        self.issued = 0
        self.commands: list[str] = []
        self.killer: type[BaseException] | None = None
        self.broken, self.answers = broken, answers or {}
        self.asking: set[str] = set()  # the hosts on which clients have settings of a scenario's
        self._laid: Mapping[str, bytes] = {}
        self._records: set[str] = set()
        self._authorities: list[str] = []
        self.announced: list[str] = []  # what a router told others besides the lab's own
        self.signed: list[str] = []  # the manners of the directories that the vendor signed
        self.zone: dict[str, list[str]] = {}  # the records of names that the lab's zone has besides its own
        self.settled: set[str] = set()  # the hosts whose VAS has other settings than its operator's
        self.posted: list[tuple[str, str, str]] = []  # what hosts sent to VASs: host, URL, body
        self.refusing = ""  # the code with which VASs refuse what is posted
        self.slotted = Slotted()
        self.mails: list[dict[str, object]] | None = None  # in the owner's mailbox; None: one of each authority

    def arena(self, folder: Path, lab_plan: Plan = PLAN) -> Arena:
        """Return this lab as scenarios see it, its files in a folder."""
        self._laid, self._records = laid.files(lab_plan), laid.records(lab_plan)
        self._authorities = [host.name for host in lab_plan.topology.of_role("authority")]
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
        served = self.served and self.signed[self.served - 1] != "honest"
        return any((*changed, self.zone, self.settled, served))

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
            case [*_] if {"client", "--config", "--timeout"} <= set(command):
                return self._answer()
            case [*_] if {"curl", "--max-time"} <= set(command):
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
            case ["nft", "list", "table", "inet", table]:
                return int(
                    f"{host}: {table}" not in self.rules
                ), "counter packets 2 bytes 120\ncounter packets 1 bytes 80"
            case ["systemd-run", *options]:
                self.units |= {f"{host}: {each[7:]}" for each in options if each.startswith("--unit=")}
            case ["birdc", "configure"]:
                self.announced = [text for name, text in self.files.items() if f"{host}:/etc/bird/added/" in name]
            case ["birdc", "show", "route", *_]:
                return 0, "".join(self.announced)
            case [program, "-c", text] if program not in {"bash", "python3"}:
                return 0, self._tool(text, stdin)
            case _:
                return self._touch(host, command, stdin)
        return 0, ""

    def _issue(self) -> str:
        self.issued += 1
        self.valid.add(f"{self.issued:x}")
        return certificate(self.issued) + certificate(0xCA)

    def _vouch(self, host: str, options: Mapping[str, str]) -> tuple[int, str]:
        chain = x509.load_pem_x509_certificates(self._read(f"{host}:{options['--chain']}") or b"")
        if self.revoked & {f"{each.serial_number:x}" for each in chain}:
            return 1, "mecai: https://vas.test: revoked: certificate: is revoked"
        if options["--authority"] == "elm" and self.rules | set(self.announced):  # its agents see what it is not shown
            return 1, "mecai: https://vas.test: perspectives-disagree: 0 of 2 other perspectives saw the certificate"
        if "--out" in options:
            self.files[f"{host}:{options['--out']}"] = "a voucher"
        return self.answers.get("voucher", (0, '{"trustContexts": []}'))

    def _program(self, host: str, text: str, told: dict[str, Any]) -> list[dict[str, object]]:
        """Do what a program does that scenarios run by a host's own Python."""
        if "Speak HTTPS" in text:
            self.posted += [
                (host, told["url"], base64.b64decode(body).decode("latin-1")) for body in told["bodies"] if body
            ]
            refusal = {"status": 403, "body": json.dumps({"type": f"https://mecai.test/{self.refusing}"})}
            heard = {"status": 200, "body": '{"reports": []}'}
            return [refusal if self.refusing and body else heard for body in told["bodies"]]
        assert "Read the owner's mailbox" in text
        several = " domains"  # in the subject of a digest about more than one
        if self.mails is not None:
            return [each for each in self.mails if (several in str(each["subject"])) == (told["word"] == several)]
        if told["word"] == several:
            return []
        subjects = (f"certificate for {told['word']}", f"certificates for {told['word']}: 4 more")
        return [
            {"folder": "", "from": f"notary@{name}.test", "to": "", "subject": subject, "signed": True, "said": ""}
            for name in self._authorities
            for subject in subjects
        ]

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
            case ["ls", folder]:
                return 0, "\n".join(name.rpartition("/")[2] for name in self._laid if f"{host}:{folder}/" in name)
            case ["test", "-s", file]:
                return int(not any(name.startswith(f"{host}:{file}") for name in self.files)), ""
            case ["rm", _, *files]:
                self._remove(host, files)
            case ["sh", "-c", script, "sh", file] if file.endswith("/visits"):
                return 0, self.slotted.visited(script)
            case ["sh" | "bash", "-c", script, *words]:
                return 0, self._script(host, script, words, stdin)
            case ["runuser", "-u", "mecai-publisher", "--", *_]:
                self.served = len(self.signed)
            case ["runuser", "-u", "mecai-vas", "--", _, "vas", "context", "refresh", "MOZ"]:
                self._get_directory(host, self.served)
            case _:
                return self._tell(host, command, stdin)
        return 0, ""

    def _tell(self, host: str, command: list[str], stdin: str) -> tuple[int, str]:
        """Answer what changes nothing that is to be undone; nothing, to what nobody reads."""
        match command:
            case ["cat", file]:
                found = self._read(f"{host}:{file}")
                return int(found is None), (found or b"").decode()
            case ["base64", "-w0", file]:
                found = self._read(f"{host}:{file}")
                assert found is not None, f"{host}:{file}"
                return 0, base64.b64encode(found).decode()
            case ["runuser", "-u", "mecai-ca", "--", "mecai", "ca", "batch", "issue", *_]:
                return 0, json.dumps({name: {"answer": self._issue()} for name in json.loads(stdin)})
            case ["python3", "-c", text]:
                return 0, json.dumps(self._program(host, text, json.loads(stdin)))
            case ["mecai", "sidecar", "stage", slot, *_]:
                self.files[f"{host}:{slot}/next.succession"] = "it follows"
            case ["mecai", "sidecar", "promote" | "failover", *_]:
                return self.slotted.turn(command[2:])
        return 0, ""

    def _script(self, host: str, script: str, words: Sequence[str], stdin: str) -> str:
        """Do what a script of the means does, told by what it alone has in it."""
        target = words[1] if words else ""
        match next((sign for sign in _SCRIPTS if sign in script), script):
            case "exec mv":
                self._get_directory(host, len(self.signed))
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
                self.units.discard(f"{host}: {target.removesuffix('.service')}")
            case "rm -rf":
                self._remove(host, [target])
            case other:
                self._further_script(host, other, words, stdin)
        return ""

    def _further_script(self, host: str, sign: str, words: Sequence[str], stdin: str) -> None:
        """Do what a script does of which nothing is read."""
        match sign:
            case "knotc":
                self._rename(words[1:], stdin)
            case "cp --preserve":
                self.settled.add(host)
            case 'mv "$1.kept"':
                self.settled.discard(host)
            case 'cp "$2/key.pem"':
                self.files[f"{host}:{words[1]}/key.pem"] = self.files[f"{host}:{words[2]}/key.pem"]
            case 'rm "$1"':
                self._remove(host, words[1:])
            case "kdig":
                pass
            case other:
                assert "-delete" in other, other  # vouchers, which the server's sidecar gets again

    def _rename(self, names: Sequence[str], records: str) -> None:
        """Have the zone say these records, one a line, of names, and nothing else."""
        for name in names:
            self.zone.pop(name, None)
        for record in records.splitlines():
            self.zone.setdefault(record.split()[0], []).append(record)

    def _get_directory(self, host: str, number: int) -> None:
        """Let a host have the directory that was signed as the n-th; the publisher's own is nothing to be undone."""
        if (manner := self.signed[number - 1]) == "honest":
            self.directories.pop(host, None)
            self.published[host] = number
        else:
            self.directories[host] = manner

    def _read(self, name: str) -> bytes | None:
        written = self.files.get(name)
        return self._laid.get(name) if written is None else written.encode("latin-1")

    def _remove(self, host: str, names: Sequence[str]) -> None:
        if "/run/mecai-scenario" in names:
            self.asking.discard(host)
        gone = tuple(f"{host}:{name}" for name in names)
        self.files = {name: text for name, text in self.files.items() if not name.startswith(gone)}
