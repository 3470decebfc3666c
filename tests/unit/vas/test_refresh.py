"""Directories that a VAS fetches (docs/spec X2): kept for every node, in force with the next voucher, or left alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mecai.errors import HostError, MecaiError
from mecai.net.web import Document
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.pki.identity import sha256
from mecai.vas.config import ContextSource
from mecai.vas.refusal import Refusal
from mecai.vas.storage.directories import DirectoryLog, Fetched
from mecai.vas.trust.directories import Directories
from mecai.vas.trust.refresh import Refreshed, refresh
from mecai.vas.trust.standing import standing
from tests.directories import PUBLISHER, directory, publisher, signed
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import MOZ, REQUEST, SITE, Make

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")
STRANGER = publisher("stranger")
URL = "https://publisher.example/moz.der"


@dataclass
class Web:
    """A publisher's web server: its file, the ETag of that, and the ETags that it was asked with."""

    file: bytes | MecaiError = b""
    etag: str = ""
    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def __call__(self, source: ContextSource, etag: str) -> Document | None:
        """Answer."""
        assert source.url == URL
        self.asked.append(etag)
        file, tag = self.file, self.etag
        self.meanwhile()
        if isinstance(file, MecaiError):
            raise file
        return None if etag and etag == tag else Document(file, tag)


@dataclass
class Node:
    """A VAS as far as its contexts go, and its publisher's web server."""

    source: ContextSource
    engine: Engine
    web: Web = field(default_factory=Web)
    now: datetime = NOW

    def refresh(self, content: Directory | None = None, by: Issued = PUBLISHER) -> Refreshed:
        """Let the publisher put a directory on its server, if one is given, and fetch."""
        if content is not None:
            self.web.file = signed(content, by)
            self.web.etag = f'"{sha256(self.web.file).hex()}"'
        return refresh(self.source, DirectoryLog(self.engine), lambda: self.now, self.web)

    @property
    def fetched(self) -> Fetched:
        """What every node finds."""
        return DirectoryLog(self.engine).fetched("MOZ")


@pytest.fixture
def source(tmp_path: Path) -> ContextSource:
    """Give a context that is fetched."""
    pins = tmp_path / "publishers.pem"
    pins.write_bytes(PUBLISHER.pem)
    return ContextSource("MOZ", pins, url=URL)


@pytest.fixture
def node(engine: Engine, source: ContextSource) -> Node:
    """Give a node that has fetched nothing yet."""
    return Node(source, engine)


def test_what_is_fetched_is_in_force_at_once_on_every_node(node: Node) -> None:
    nodes = [Directories((node.source,), node.engine) for _ in range(2)]
    for sequence in (1, 2):
        content = directory(ALDER, BIRCH, sequence=sequence)
        assert node.refresh(content) == Refreshed(content, changed=True)
        assert [each.in_force(NOW) for each in nodes] == [(content,)] * 2


def test_it_outlives_the_process_and_the_publishers_server(node: Node) -> None:
    node.refresh(content := directory(ALDER))
    assert Directories((node.source,), node.engine).in_force(NOW) == (content,)


def test_before_the_first_fetch_there_is_none(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Refusal, match="no trust context has a valid directory"):
        Directories((node.source,), node.engine).in_force(NOW)
    assert "never fetched; run `mecai vas context refresh MOZ`" in caplog.text


def test_what_has_not_changed_is_asked_for_by_its_tag(node: Node) -> None:
    node.refresh(content := directory(ALDER))
    node.now += HOUR
    assert node.refresh() == Refreshed(content, changed=False)
    assert node.web.asked == ["", node.web.etag]
    assert (node.fetched.fetched, node.fetched.failed) == (NOW + HOUR, None)


def test_a_server_without_tags_is_no_hindrance(node: Node) -> None:
    node.refresh(content := directory(ALDER))
    first, node.web.etag = node.web.etag, ""
    assert [node.refresh().changed for _ in range(2)] == [False, False]
    assert node.web.asked == ["", first, ""]
    assert Directories((node.source,), node.engine).in_force(NOW) == (content,)


REFUSED = [
    (directory(ALDER, sequence=1), PUBLISHER, "directory-rollback"),
    (directory(BIRCH, sequence=2), PUBLISHER, "directory-equivocation"),
    (directory(ALDER, sequence=3), STRANGER, "directory-untrusted"),
    (directory(ALDER, sequence=3, issued=NOW - 8 * DAY), PUBLISHER, "directory-expired"),
    (directory(ALDER, sequence=3, issued=NOW + HOUR), PUBLISHER, "directory-not-yet-valid"),
    (directory(ALDER, sequence=3, context="OTHER"), PUBLISHER, "is for context OTHER, expected MOZ"),
]


@pytest.mark.parametrize(("content", "by", "why"), REFUSED, ids=[why for *_, why in REFUSED])
def test_what_cannot_be_accepted_changes_nothing(node: Node, content: Directory, by: Issued, why: str) -> None:
    node.refresh(usual := directory(ALDER, sequence=2))
    before, node.now = node.fetched, NOW + HOUR / 2
    with pytest.raises(MecaiError, match=why):
        node.refresh(content, by)
    after = node.fetched
    assert (after.octets, after.etag, after.fetched) == (before.octets, before.etag, before.fetched)
    assert after.failed == node.now
    assert why in str(after.failure)
    assert Directories((node.source,), node.engine).in_force(NOW) == (usual,)
    node.refresh(directory(ALDER, sequence=3))
    assert (node.fetched.failed, node.fetched.failure) == (None, None)


@pytest.mark.parametrize("file", [HostError("no answer"), b"", b"\x30\x80", bytes(1000)], ids=str)
def test_a_server_out_of_reach_or_out_of_order_changes_nothing(node: Node, file: bytes | MecaiError) -> None:
    node.refresh(usual := directory(ALDER))
    node.web.file, node.web.etag = file, "other"
    with pytest.raises(MecaiError):
        node.refresh()
    assert node.fetched.failed == NOW
    assert Directories((node.source,), node.engine).in_force(NOW) == (usual,)


def test_a_first_fetch_that_fails_is_noted(node: Node) -> None:
    node.web.file = HostError("no answer")
    with pytest.raises(HostError):
        node.refresh()
    assert node.fetched == Fetched(failed=NOW, failure="no answer")


def test_of_two_that_fetch_at_once_the_older_directory_loses(node: Node) -> None:
    """While one has read sequence 1 off the wire, another fetches and keeps sequence 2."""
    newer = Node(node.source, node.engine)
    node.web.meanwhile = lambda: newer.refresh(directory(ALDER, sequence=2))
    with pytest.raises(MecaiError, match="directory-rollback"):
        node.refresh(directory(ALDER, sequence=1))
    assert Directories((node.source,), node.engine).in_force(NOW)[0].sequence == 2


def test_of_two_that_fetch_the_same_both_are_right(node: Node) -> None:
    other = Node(node.source, node.engine)
    node.web.meanwhile = lambda: other.refresh(directory(ALDER))
    assert node.refresh(directory(ALDER)).directory == directory(ALDER)
    assert node.fetched.failed is None


def test_what_other_first_pins_let_in_is_fetched_anew(node: Node) -> None:
    """The publisher's key was stolen; its server still says that nothing changed, and new pins are here (ADR 0037)."""
    node.refresh(directory(ALDER, sequence=7), PUBLISHER)
    directories = Directories((node.source,), node.engine)
    assert directories.in_force(NOW)
    node.source.publishers.write_bytes(STRANGER.pem)
    with pytest.raises(Refusal):
        directories.in_force(NOW)
    with pytest.raises(MecaiError, match="directory-untrusted"):
        node.refresh()
    assert node.refresh(recovered := directory(ALDER, sequence=8), STRANGER).changed
    assert directories.in_force(NOW) == (recovered,)


def test_how_a_context_stands(node: Node) -> None:
    log = DirectoryLog(node.engine)
    assert "never fetched" in str(standing(node.source, log, NOW).fault)
    node.refresh(content := directory(ALDER))
    found = standing(node.source, log, NOW + 40 * DAY)
    assert (found.directory, found.fault, found.fetched.fetched) == (content, None, NOW)
    node.source.publishers.write_bytes(STRANGER.pem)
    assert "directory-untrusted" in str(standing(node.source, log, NOW).fault)


def test_a_voucher_carries_the_new_context_at_once(make: Make, source: ContextSource) -> None:
    vas = make(directories=(source,))
    vas.outside.shown = dict.fromkeys(REQUEST.addresses, SITE.chain_der)
    assert vas.refused(REQUEST)[:2] == (503, "overloaded")
    Node(source, vas.server.engine).refresh(MOZ)
    assert vas.ask(REQUEST).status_code == 200
    assert vas.http.get("/v1/authority").json["contexts"] == ["MOZ"]


def test_readiness_names_a_context_that_has_expired(make: Make, source: ContextSource, publish: Publish) -> None:
    other = publish(directory(ALDER, BIRCH, context="OTHER"))
    vas = make(directories=(source, other))
    assert vas.http.get("/readyz").json == {"status": "ready", "concerns": ["context MOZ"]}
    Node(source, vas.server.engine).refresh(MOZ)
    vas.outside.seconds += 2  # an answer is kept for a second
    with pytest.raises(HostError, match="context ALT: no directory is in force"):
        vas.server.directories.require("ALT", NOW)
    vas.server.directories.require("MOZ", NOW)
    assert vas.server.readiness().answer() == ({"status": "ready"}, 200)


def test_without_its_database_a_server_says_so(make: Make, source: ContextSource) -> None:
    vas = make(directories=(source,))
    with vas.server.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE directories")
    assert vas.http.get("/v1/authority").status_code == 503
