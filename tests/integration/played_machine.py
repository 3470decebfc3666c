"""A machine that lives in a folder: its own PATH, a Python with a pip of a chosen version, and a package index."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.package_index import Index, read_pins

ROOT = Path(__file__).resolve().parents[2]
LISTS = ROOT / "requirements"
NEWEST = next(iter(read_pins((LISTS / "pip.txt").read_text()))).version
SECONDS = 300  # the bound of one command on a busy machine; a quiet one takes a tenth


class Machine:
    """A machine in a folder: its `python3` makes virtual environments with a pip of the given version."""

    def __init__(self, folder: Path, wheels: Path, pip: str) -> None:
        self.checkout = folder / "checkout"
        self.programs = folder / "bin"
        self.index = Index(folder / "index")
        self._real = [*wheels.glob(f"pip-{NEWEST}-*"), *wheels.glob("setuptools-*")]
        (self.checkout / "requirements").mkdir(parents=True)
        self.programs.mkdir()
        own = next(wheels.glob(f"pip-{pip}-*"))
        self.program(
            "python3",
            f'[ "$1 $2" = "-m venv" ] || exec {sys.executable} "$@"',
            "for venv; do :; done",
            f'{sys.executable} -m venv --without-pip "$venv"',
            f'{sys.executable} -m zipfile -e {own} "$venv"/lib/python3*/site-packages',
            """printf '#!/bin/sh\\nexec "%s/python" -m pip "$@"\\n' "$(realpath "$venv/bin")" >"$venv/bin/pip" """,
            'chmod 755 "$venv/bin/pip"',
        )

    def program(self, name: str, *lines: str) -> None:
        """Put a program into this machine's PATH."""
        path = self.programs / name
        path.write_text("\n".join(["#!/bin/bash", "set -e", *lines, ""]))
        path.chmod(0o755)

    def pin(self, name: str) -> str:
        """Write one of our lists for this machine's index; returns it."""
        text = self.index.offer((LISTS / name).read_text(), self._real)
        (self.checkout / "requirements" / name).write_text(text)
        return text

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout, with nothing of the real machine's pip settings."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        ours |= {
            "PATH": f"{self.programs}:{ours['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_COMPILE": "1",
        }
        ours |= {"PIP_INDEX_URL": self.index.address, "PIP_RETRIES": "1"}
        return subprocess.run(
            command,
            cwd=self.checkout,
            env=ours | environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


class Host(Machine):
    """A machine that has the folder /opt/mecai of a lab's host, as a part of its own folder."""

    def __init__(self, folder: Path, wheels: Path, pip: str) -> None:
        super().__init__(folder, wheels, pip)
        self.root = folder / "root"
        self.opt = self.root / "opt" / "mecai"
        self.opt.mkdir(parents=True)

    def here(self, text: str) -> str:
        """Return a command's text with this host's folder in it."""
        return text.replace("/opt/mecai", str(self.opt))
