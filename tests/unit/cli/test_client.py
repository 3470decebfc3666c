"""`mecai client`, as far as no server is needed."""

import sys
from pathlib import Path
from typing import Any

import pytest

from mecai.cli import watching
from mecai.cli.show.client import print_text
from mecai.client.document import failure_document
from mecai.client.policy import ClientPolicy
from mecai.client.request import Destination
from mecai.errors import VerificationError
from mecai.net.dial import Unreachable

SITE = Destination("www.example.test", 443)
PAGE = {"status": 200, "phrase": "OK", "contentType": "text/html", "location": None, "complete": True}


def shown(body: str, capsys: pytest.CaptureFixture[str]) -> str:
    document = failure_document(SITE, Unreachable("nobody there"))
    print_text(document | {"page": PAGE | {"body": body}})
    return capsys.readouterr().out


def test_a_page_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "a\ufffd[2J\ufffdb\tc\n" in shown("a\x1b[2J\x9bb\tc\n", capsys)


def test_a_page_in_a_pipe_is_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    assert "a\x1b[2Jb" in shown("a\x1b[2Jb", capsys)


def test_a_header_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    document = failure_document(SITE, VerificationError("certificate-invalid", "C4", "CN=\x1b[2J"))
    print_text(document | {"page": PAGE | {"body": "", "phrase": "\x1b[2J", "location": "/\x9b2J"}})
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x9b" not in said


def test_markup_in_a_reason_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:
    error = VerificationError("certificate-invalid", "C4", "[red]not a colour[/red]")
    print_text(failure_document(SITE, error))
    assert "[red]not a colour[/red]" in capsys.readouterr().out


def test_ordinary_failures_have_their_reason() -> None:
    error = VerificationError("handshake-failed", "TLS", "it hung up")
    document = failure_document(SITE, error)
    assert (document["verdict"], document["reason"], document["vouchers"]) == ("refused", "handshake-failed", [])


def test_who_watches_has_each_connection_judged_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the policy says of sessions (T8)."""

    class Begun(Exception):
        pass

    def begin(policy: ClientPolicy) -> None:
        raise Begun(policy)

    monkeypatch.setattr(watching, "Trust", begin)
    (tmp_path / "client.toml").write_text("resume = true\nquorum = 2\n")
    words: dict[str, Any] = {"every": 1, "count": 1, "timeout": 1, "mode": None, "profile": None, "style": "json"}
    with pytest.raises(Begun) as caught:
        watching.watch(["www.example.test"], config=tmp_path / "client.toml", **words)
    assert caught.value.args == (ClientPolicy(quorum=2),)
