"""A program of a person's own on a client's host, which fetches by requests and demands vouchers there.

It brings requests itself, as such programs do: nothing of it is on a host but while a block lasts.
"""

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import files
from typing import Final

from tests.lab.conftest import LAB, Machine
from tests.patience import SECONDS

# What requests is made of, but for idna, which mecai has: of each what any Python reads, and the roots it looks for.
LIBRARIES: Final = ("requests", "urllib3", "certifi", "charset-normalizer")
# Says the page, or how the session refuses it.
PROGRAM: Final = """
import json, sys
import requests
from mecai.client import VoucherAdapter
with requests.Session() as session:
    session.mount("https://", VoucherAdapter())
    try:
        said = [session.get(sys.argv[1], timeout=20).text, ""]
    except requests.exceptions.SSLError as error:
        said = ["", str(error)]
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Program:
    """The program on a client's host."""

    client: Machine
    folder: str

    def fetch(self, site: str) -> tuple[str, str]:
        """Return the page, and what a refusal says: one of them is empty."""
        python = f"PYTHONPATH={self.folder} /opt/mecai/venv/bin/python -c %s %s"
        page, refusal = json.loads(self.client.run(python, PROGRAM, f"https://{site}/"))
        return page, refusal


@contextmanager
def by_requests(client: Machine) -> Iterator[Program]:
    """Bring requests to a client's host, and take it away again."""
    folder = client.run("mktemp --directory").strip()
    unpack = ["ssh", "-F", str(LAB.ssh_config), client.name, "tar", "--extract", f"--directory={folder}"]
    try:
        subprocess.run(unpack, input=_libraries(), check=True, capture_output=True, timeout=SECONDS)
        yield Program(client, folder)
    finally:
        client.run(f"rm -r {folder}")


def _libraries() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in LIBRARIES:
            for file in (each for each in files(name) or () if each.suffix in {".py", ".pem"}):
                archive.add(str(file.locate()), str(file))
    return packed.getvalue()
