"""What lies in the owner's mailbox (`tools/mailbox`), each with whether openssl accepts its signature."""

import json
from typing import Any

from testbed.roles import authority
from testbed.scenarios import tools
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must


def about(arena: Arena, host: str, word: str, root: str) -> list[dict[str, Any]]:
    """Return the messages whose subject holds a word; signatures must lead to the root (PEM). Raises `HostError`."""
    told = json.dumps({"word": word, "root": root})
    found: list[dict[str, Any]] = json.loads(must(arena.run, host, ["python3", "-c", tools.text("mailbox")], told))
    return found


def is_from(mail: dict[str, Any], of: str) -> bool:
    """Say whether an authority is the sender."""
    return bool(mail["from"] == authority.sender_of(of))
