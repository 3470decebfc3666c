"""A lab on this machine: its id, its files, its lock, and the snapshot that says how it was made.

Everything a lab owns carries its label `mecai.LAB.PART` (network namespaces, cgroups, scopes) or lies under its
directory, so that `down` finds it without the topology file, which may have been edited or lost since.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mecai.errors import HostError, InputError
from testbed.machine import locks
from testbed.machine.signals import unwinding
from testbed.model import snapshot
from testbed.model.snapshot import Snapshot

REPOSITORY = Path(__file__).resolve().parents[2]
STATE = Path("/var/lib/mecai-testbed")
CACHE = Path("/var/cache/mecai-testbed")
RUN = Path("/run/mecai-testbed")

_ID = re.compile(r"[a-z]([a-z0-9-]{0,14}[a-z0-9])?")


@dataclass(frozen=True)
class Lab:
    """The names of everything that belongs to one lab."""

    id: str
    labs: Path = STATE / "labs"
    locks: Path = RUN / "locks"

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InputError(
                f"lab id {self.id!r}: expected 1 to 16 lower-case letters, digits and hyphens that begin with a letter"
            )

    @classmethod
    def all(cls) -> list["Lab"]:
        """List the labs that have files on this machine."""
        return [cls(path.name) for path in sorted(cls.labs.glob("*")) if _ID.fullmatch(path.name)]

    @property
    def directory(self) -> Path:
        """The directory that holds all the lab's files."""
        return self.labs / self.id

    @property
    def ssh_config(self) -> Path:
        """The SSH config with one entry for each host."""
        return self.directory / "ssh" / "config"

    @property
    def ssh_key(self) -> Path:
        """The private key that opens this lab's hosts; its public half lies beside it."""
        return self.directory / "ssh" / "id_ed25519"

    @property
    def inventory(self) -> Path:
        """The Ansible inventory."""
        return self.directory / "ansible" / "inventory.yml"

    @property
    def ansible_config(self) -> Path:
        """The Ansible settings of this lab, for `ANSIBLE_CONFIG`."""
        return self.directory / "ansible" / "ansible.cfg"

    @property
    def staging(self) -> Path:
        """Where what is to be this lab is unpacked, beside the lab's directory; no lab can bear this name."""
        return self.labs / f".{self.id}.restoring"

    @property
    def birth_file(self) -> Path:
        """Where it stands how the lab comes to be, until it was healthy for the first time."""
        return self.directory / "birth.json"

    @property
    def clean_file(self) -> Path:
        """The archive of the lab as it was when it was healthy for the first time."""
        return self.directory / "clean.tar.zst"

    @property
    def saves(self) -> Path:
        """The folder with what a person saved of the lab; it outlives the lab."""
        return self.labs.parent / "saves" / self.id

    @property
    def snapshot_file(self) -> Path:
        """Where it stands how the lab was made; written before anything else is."""
        return self.directory / "lab.json"

    def log(self, stage: str) -> Path:
        """Return the log file of a stage."""
        return self.directory / "logs" / f"{stage}.log"

    def host_directory(self, host: str) -> Path:
        """Return the directory with a host's overlay and console log."""
        return self.directory / "hosts" / host

    def label(self, part: str) -> str:
        """Return the system-wide name of one part, `mecai.LAB.PART`; no part name holds a dot."""
        return f"mecai.{self.id}.{part}"

    def snapshot(self) -> Snapshot | None:
        """Read how the lab was made, None when there is no lab (or one so young that it has no snapshot)."""
        try:
            return snapshot.decode(self.snapshot_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise HostError(
                f"lab {self.id}: damaged record {self.snapshot_file} ({error}): testbed down --lab {self.id}"
            ) from error

    def write_snapshot(self, made: Snapshot) -> None:
        """Replace the snapshot in one step."""
        write_file(self.snapshot_file, snapshot.encode(made))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lab for this process; raises `HostError` when another one works on it. Dies with its holder.

        Whatever signal ends the work on a lab unwinds it: what was begun is undone.
        """
        try:
            with unwinding(), locks.hold(self.locks / self.id):
                yield
        except locks.LockTaken as error:
            raise HostError(
                f"lab {self.id}: another testbed command (process {error.holder}) works on it: "
                "wait until it ends, or choose another lab with --lab"
            ) from error


def write_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old or the new text, never a part; makes the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.rename(path)
