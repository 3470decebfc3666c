"""What every verb has in common: how an error ends."""

import pytest

from mecai.errors import HostError
from tests.unit.cli.program import mecai


def test_an_error_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise HostError("it said HTTP/\x1b[31m\x9b2J")

    monkeypatch.setattr("mecai.cli.vas.read_config", read)
    ended = mecai("vas", "check")
    assert (ended.code, ended.err) == (3, "mecai: it said HTTP/\ufffd[31m\ufffd2J\n")
