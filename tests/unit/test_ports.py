"""Networks of loopback that tests take for themselves."""

import subprocess
import sys

from tests.patience import SECONDS
from tests.ports import network


def test_no_two_processes_that_run_at_once_have_one_network() -> None:
    """As long as the one is there, whose number the other would begin with."""
    mine = [network("127.79") for _ in range(3)]
    taking = "import os; os.getpid = lambda: {}; from tests.ports import network; print(network('127.79'))"
    other = [sys.executable, "-c", taking.format(int(mine[0].rpartition(".")[2]))]
    ran = subprocess.run(other, check=True, capture_output=True, text=True, timeout=SECONDS)
    assert len({*mine, ran.stdout.strip()}) == len(mine) + 1
