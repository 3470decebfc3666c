"""A program that is killed in the middle of a transaction on a client's SQLite file."""

import subprocess
import sys
import textwrap
from pathlib import Path


def kill_at_work(path: Path, first: str, row: str) -> None:
    """Have a program say `first`, then insert 200 rows, each by its number, and be killed before it commits."""
    program = textwrap.dedent("""
        import signal, sqlite3, sys
        path, first, row = sys.argv[1:]
        file = sqlite3.connect(path)
        file.execute("PRAGMA cache_spill = 1")
        file.execute(first)
        for number in range(200):
            file.execute(row, (str(number),))
        print("at work", flush=True)
        signal.pause()
    """)
    words = [sys.executable, "-c", program, str(path), first, row]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"at work\n"
        other.kill()
