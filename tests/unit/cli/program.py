"""The whole `mecai` program in this process: arguments in; exit code, output and error line out."""

import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from unittest.mock import patch

import pytest

from mecai.cli.main import main


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str


def mecai(*arguments: object) -> Ended:
    """Run `mecai` with these arguments."""
    out, err = StringIO(), StringIO()
    words = ["mecai", *map(str, arguments)]
    with patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return Ended(end.value.code, out.getvalue(), err.getvalue())
