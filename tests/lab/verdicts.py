"""What `mecai client` on a host says of a server."""

import json
from typing import Any

from testbed.machine.waiting import until
from tests.lab.conftest import Machine

SECONDS = 30  # servers look each few seconds for what is new


def asked(client: Machine, where: str, options: str = "") -> dict[str, Any]:
    """Ask for a verdict on a server, `NAME` or `NAME:PORT`; whatever it is."""
    answer: dict[str, Any] = json.loads(client.shell.run(f"mecai client check {where} {options} --format json").stdout)
    return answer


def await_verdict(client: Machine, where: str, verdict: str, reason: str | None = None) -> None:
    """Wait until a client says that; raises `HostError`."""

    def probe() -> bool:
        answer = asked(client, where)
        return (answer["verdict"], answer["reason"]) == (verdict, reason)

    until(probe, SECONDS, lambda: f"{where} is not {verdict}")
