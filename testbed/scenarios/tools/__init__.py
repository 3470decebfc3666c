"""Programs that scenarios run on hosts of the lab, with the Python of mecai there: they import nothing of the testbed.

`run` sends one there as text, so that nothing is left behind.
"""

import json
from pathlib import Path
from typing import Any

from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

PYTHON = "/opt/mecai/venv/bin/python"


def run(arena: Arena, host: str, tool: str, **told: Any) -> str:  # noqa: ANN401 - the tool says what it takes
    """Run a tool on a host with what it is told, as JSON; returns what it printed, raises `HostError`."""
    return must(arena.run, host, [PYTHON, "-c", text(tool)], json.dumps(told))


def text(tool: str) -> str:
    """Return the text of a tool."""
    return (Path(__file__).parent / f"{tool}.py").read_text(encoding="utf-8")
