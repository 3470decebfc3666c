"""`mecai vas context` and `distrust`: what an operator sees, and how failures end."""

import json
from pathlib import Path

import pytest

from mecai.cli import vas_trust
from mecai.errors import HostError
from mecai.net.web import Document
from mecai.protocol.pki.identity import spki_hash
from mecai.vas.storage.database import migrate, open_database
from tests.directories import PUBLISHER, directory, signed
from tests.pki import HOUR, NOW, Hierarchy
from tests.unit.cli.program import mecai
from tests.unit.vas.test_config import LEAST, write

ALDER = Hierarchy("alder")
ROOT = spki_hash(ALDER.root.certificate).hex()
CONTEXTS = """
    [[directory]]
    context = "MOZ"
    publishers = "publishers.pem"
    url = "https://publisher.example/moz.der"

    [[directory]]
    context = "ALT"
    publishers = "publishers.pem"
    url = "https://alt.example/directory.der"

    [[directory]]
    context = "FILE"
    publishers = "publishers.pem"
    path = "file.der"
"""
FILES = {"MOZ": signed(directory(ALDER)), "ALT": signed(directory(ALDER, context="ALT", sequence=7))}


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Give the files of the publishers' servers, by context, and a configuration here."""
    served = dict(FILES)

    def download(url: str, *_: object) -> Document:
        context = "MOZ" if "moz" in url else "ALT"
        if context not in served:
            raise HostError(f"{url}: answered 404, expected 200")
        return Document(served[context], "")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vas_trust, "now", lambda: NOW + HOUR)
    monkeypatch.setattr("mecai.vas.trust.refresh.get_if_changed", download)
    write(tmp_path / "vas.toml", f'distrusted = ["{"11" * 32}"]{LEAST}{CONTEXTS}')
    Path("publishers.pem").write_bytes(PUBLISHER.pem)
    Path("file.der").write_bytes(signed(directory(ALDER, context="FILE")))
    engine = open_database("sqlite:///vas.sqlite")
    migrate(engine)
    engine.dispose()
    return served


def vas(*words: object) -> tuple[int, str, str]:
    ended = mecai("vas", *words, "--config", "vas.toml")
    return ended.code, ended.out, ended.err


@pytest.mark.usefixtures("web")
def test_contexts_are_fetched_and_listed() -> None:
    fetched = (
        "MOZ: fetched; sequence 1, until 2026-03-09 12:00 UTC\nALT: fetched; sequence 7, until 2026-03-09 12:00 UTC\n"
    )
    assert vas("context", "refresh") == (0, fetched, "")
    assert vas("context", "refresh", "ALT") == (0, "ALT: unchanged; sequence 7, until 2026-03-09 12:00 UTC\n", "")
    assert vas("context", "list")[1].splitlines() == [
        "context  sequence  issued (UTC)      expires (UTC)     fetched (UTC)",
        "MOZ      1         2026-03-02 12:00  2026-03-09 12:00  2026-03-02 13:00",
        "  https://publisher.example/moz.der",
        "ALT      7         2026-03-02 12:00  2026-03-09 12:00  2026-03-02 13:00",
        "  https://alt.example/directory.der",
        "FILE     1         2026-03-02 12:00  2026-03-09 12:00",
        "  file.der",
    ]


def test_one_failure_stops_no_other_context_and_is_shown(
    web: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    vas("context", "refresh")
    del web["MOZ"]
    web["ALT"] = signed(newer := directory(ALDER, context="ALT", sequence=8))
    code, out, err = vas("context", "refresh")
    assert (code, err) == (3, "MOZ: https://publisher.example/moz.der: answered 404, expected 200\n")
    assert out == f"ALT: fetched; sequence {newer.sequence}, until 2026-03-09 12:00 UTC\n"
    monkeypatch.setattr(vas_trust, "now", lambda: NOW + 200 * HOUR)
    (moz, _, _) = json.loads(vas("context", "list", "--format", "json")[1])
    assert moz == {
        "context": "MOZ",
        "url": "https://publisher.example/moz.der",
        "path": None,
        "sequence": 1,
        "issued": "2026-03-02T12:00:00Z",
        "expires": "2026-03-09T12:00:00Z",
        "fault": None,
        "fetched": "2026-03-02T13:00:00Z",
        "failed": "2026-03-02T13:00:00Z",
        "failure": "https://publisher.example/moz.der: answered 404, expected 200",
    }
    assert "expired" in vas("context", "list")[1]


def test_a_directory_that_is_refused_ends_in_1(web: dict[str, bytes]) -> None:
    web["MOZ"] = FILES["MOZ"][:-1]
    code, _, err = vas("context", "refresh", "MOZ")
    assert (code, err.partition(":")[0]) == (1, "MOZ")
    assert "MOZ      none" in vas("context", "list")[1]


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("name", ["FILE", "NONE"])
def test_only_a_context_with_a_url_is_fetched(name: str) -> None:
    code, _, err = vas("context", "refresh", name)
    assert (code, err) == (2, f"mecai: {name}: is no context with a url in the server's configuration\n")


@pytest.mark.usefixtures("web")
def test_a_ca_is_distrusted_and_no_longer() -> None:
    Path("root.pem").write_bytes(ALDER.root.pem)
    said = ("--by", "operator", "--reason", "its key was stolen")
    assert vas("distrust", "add", "root.pem", *said) == (0, f"distrusted: {ROOT} (CN=alder root)\n", "")
    assert vas("distrust", "list")[1].splitlines() == [
        "since (UTC)       by",
        "2026-03-02 13:00  operator",
        f"  {ROOT}, CN=alder",
        "  root, its key was stolen",
        "                  vas.toml",
        f"  {'11' * 32}",
    ]
    added, configured = json.loads(vas("distrust", "list", "--format", "json")[1])
    assert added == {
        "spki": ROOT,
        "certificate": None,
        "subject": "CN=alder root",
        "added": "2026-03-02T13:00:00Z",
        "by": "operator",
        "reason": "its key was stolen",
    }
    fixed = {"subject": None, "added": None, "by": "vas.toml", "reason": None}
    assert configured == {"spki": "11" * 32, "certificate": None, **fixed}
    assert vas("distrust", "add", ROOT, *said)[0] == 2
    assert vas("distrust", "remove", ROOT) == (0, f"no longer distrusted: {ROOT}\n", "")
    assert vas("distrust", "remove", ROOT)[0] == 2


@pytest.mark.usefixtures("web")
def test_what_cannot_be_distrusted_here() -> None:
    Path("site.pem").write_bytes(ALDER.server("www.example.test").pem)
    said = ("--by", "operator", "--reason", "none")
    assert "is no certificate of a CA" in vas("distrust", "add", "site.pem", *said)[2]
    assert vas("distrust", "add", "none.pem", *said)[::2] == (2, "mecai: none.pem: is neither a file nor a SHA-256\n")
    code, _, err = vas("distrust", "remove", "11" * 32)
    assert (code, err.startswith("mecai: vas.toml: `distrusted` names it")) == (2, True)
