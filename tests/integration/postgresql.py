"""A real PostgreSQL that listens on a socket in a folder of its own, and nowhere else."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PROGRAMS: Final = max(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))  # requirements/debian-test.txt


def as_its_user(program: str, *arguments: str, under: Sequence[str] = ()) -> None:
    """Run one of PostgreSQL's programs, which refuse root; its command line begins with `under`."""
    user = [*under, "runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*user, str(PROGRAMS.with_name(program)), *arguments], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def postgresql(*settings: str, data: str | None = None, under: Sequence[str] = ()) -> Iterator[str]:
    """Run a server until the end, with settings of its own (`NAME=VALUE`); give the URL of its database.

    Its files lie in the folder `data`, where its programs see it that run `under` this; else in one of its own.
    """
    home = tempfile.mkdtemp(prefix="mecai-postgresql-")
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
    data, options = data or f"{home}/data", " ".join(f"-c {each}" for each in ("listen_addresses=''", *settings))
    try:
        as_its_user("initdb", "-D", data, "-A", "trust", "-U", "mecai", under=under)
        as_its_user("pg_ctl", "-D", data, "-o", f"{options} -k {home}", "-l", f"{home}/log", "-w", "start", under=under)
        try:
            yield f"postgresql+psycopg://mecai@/postgres?host={home}"
        finally:
            as_its_user("pg_ctl", "-D", data, "-m", "fast", "-w", "stop", under=under)
    finally:
        shutil.rmtree(home)
