"""CAs are told of an objection (docs/spec H9): the issuer, and who issued what is known for the domain."""

import email
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from mecai.protocol.objects.authorities import Authority, Mail
from mecai.protocol.pki.identity import hash_of
from mecai.vas.storage import mails
from mecai.vas.storage.complaints import ComplaintLog, Objection
from mecai.vas.storage.mails import PER_DAY
from mecai.vas.storage.review import review
from mecai.vas.storage.tables import NAMES
from tests.directories import directory
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued, key
from tests.scene import authority_entry
from tests.unit.vas.conftest import Publish
from tests.unit.vas.post import NOTARY, SITE, Post, inner

ALDER, BIRCH, CEDAR = Hierarchy("alder"), Hierarchy("birch"), Hierarchy("cedar")
ROGUE = CEDAR.server("www.example.test", server_key=key("rogue"))
HOLD = timedelta(hours=72)


def with_mail(ca: Hierarchy) -> Authority:
    return replace(authority_entry(ca), mail=Mail(f"notary@{ca.name}.test", NOTARY.certificate))


class Desk(Post):
    """A worker whose directory says where CAs are told; no owner of a domain is known."""

    def __init__(self, engine: Engine, folder: Path, publish: Publish, *cas: Authority) -> None:
        entries = cas or tuple(map(with_mail, (ALDER, BIRCH, CEDAR)))
        super().__init__(engine, folder, publish(directory(*entries, expires=NOW + 30 * DAY)))
        self.known = {}

    def object_to(self, server: Issued, domain: str = "www.example.test") -> None:
        """Let the owner of a domain object, and do what is due."""
        ComplaintLog(self.engine).keep(Objection(hash_of(server.certificate), domain, "192.0.2.7"), self.now)
        self.tell()

    def told(self) -> dict[str, str]:
        """Return what each CA was told."""
        return {recipient: str(inner(message).get_payload()) for _, recipient, message in self.sent}


@pytest.fixture
def desk(engine: Engine, tmp_path: Path, publish: Publish) -> Desk:
    return Desk(engine, tmp_path, publish)


def test_the_issuer_and_the_ca_of_the_known_certificate_are_told_once(desk: Desk) -> None:
    desk.see(SITE)
    desk.now += HOLD
    desk.see(ROGUE)
    raised = f"{desk.now:%Y-%m-%d %H:%M:%S} UTC"
    for _ in range(2):
        desk.object_to(ROGUE)
    told, name = desk.told(), hash_of(ROGUE.certificate).hex()
    assert len(desk.sent) == 2
    assert set(told) == {"notary@cedar.test", "notary@alder.test"}
    subject = f"objection to certificate for www.example.test: {name}"
    assert {email.message_from_bytes(message)["Subject"] for _, _, message in desk.sent} == {subject}
    for text in (each.replace("\r\n", "\n") for each in told.values()):
        lines = text.splitlines()
        assert lines[0] == subject
        assert f"raised:    {raised}" in lines
        assert ROGUE.pem.decode().strip() in text
    assert "Your CA issued it." in told["notary@cedar.test"]
    assert f"Your CA issued the certificate {hash_of(SITE.certificate).hex()}" in told["notary@alder.test"]
    (reviewed,) = review(desk.engine, 1, hash_of(ROGUE.certificate))
    assert "complaint to www.example.test: cedar: to be told; alder: to be told" in reviewed.notifications
    assert "objection-mail to www.example.test notary@alder.test: delivered" in reviewed.notifications


@pytest.mark.parametrize("standing", ["held", "disputed", "another domain"])
def test_what_is_not_known_for_the_domain_tells_nobody_else(desk: Desk, standing: str) -> None:
    desk.see(BIRCH.server("other.example.test") if standing == "another domain" else SITE)
    if standing != "held":
        desk.now += HOLD
    desk.see(ROGUE)
    if standing == "disputed":
        desk.object_to(SITE)
        desk.sent.clear()
    desk.object_to(ROGUE)
    assert set(desk.told()) == {"notary@cedar.test"}


def test_a_wildcard_is_known_for_its_domain(desk: Desk) -> None:
    desk.see(ALDER.server("*.Example.test"))
    desk.now += HOLD
    wild = CEDAR.server("*.example.test")
    desk.see(wild)
    desk.object_to(wild, "example.test")
    assert set(desk.told()) == {"notary@cedar.test", "notary@alder.test"}


def test_an_issuer_of_both_is_told_as_the_issuer(desk: Desk) -> None:
    desk.see(SITE)
    desk.now += HOLD
    second = ALDER.server("www.example.test", server_key=key("second"))
    desk.see(second)
    desk.object_to(second)
    ((_, text),) = desk.told().items()
    assert "Your CA issued it." in text


def test_a_ca_without_an_address(engine: Engine, tmp_path: Path, publish: Publish) -> None:
    desk = Desk(engine, tmp_path, publish, authority_entry(ALDER), authority_entry(CEDAR))
    desk.see(ROGUE)
    desk.object_to(ROGUE)
    assert desk.sent == []
    assert desk.outcomes()["complaint"] == ["cedar: no address"]


def test_who_objects_without_end_fills_no_mailbox(desk: Desk) -> None:
    servers = [CEDAR.server("www.example.test", server_key=key(f"key {n}"), days=50 + n) for n in range(PER_DAY + 3)]
    for server in servers:
        desk.see(server)
        desk.object_to(server)
    assert len(desk.sent) == PER_DAY
    assert desk.outcomes()["complaint"][PER_DAY:] == ["cedar: untold: too many in a day"] * 3
    desk.see(elsewhere := CEDAR.server("www.elsewhere.test", server_key=key("elsewhere")))
    desk.object_to(elsewhere, "www.elsewhere.test")
    assert len(desk.sent) == PER_DAY + 1  # one domain's flood silences no mail about another
    for _ in range(8):
        desk.now += 4 * HOUR
        desk.tell()
    assert len(desk.sent) == PER_DAY + 1 + 3  # what was too many for one day leaves on the next
    assert desk.outcomes()["complaint"][PER_DAY:] == ["cedar: to be told"] * 4


def test_one_ca_that_had_enough_keeps_no_other_untold(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.see(SITE)
    desk.now += HOLD
    monkeypatch.setattr(mails, "TO_ONE_CA", 1)
    first, second = (CEDAR.server(f"{n}.example.test", server_key=key(n), days=60) for n in ("first", "second"))
    for server in (first, second):
        desk.see(server)
        desk.object_to(server, "example.test")
    ways = [recipient for _, recipient, _ in desk.sent]
    assert sorted(ways) == ["notary@alder.test", "notary@cedar.test"]
    assert desk.outcomes()["complaint"][1] == "cedar: untold: too many in a day; alder: untold: too many in a day"


def test_without_a_directory_it_waits(engine: Engine, tmp_path: Path, publish: Publish) -> None:
    desk = Desk(engine, tmp_path, publish)
    desk.see(ROGUE)
    (tmp_path / "MOZ.der").write_bytes(b"")
    desk.object_to(ROGUE)
    assert desk.outcomes()["complaint"] == ["no trust context has a valid directory"]
    publish(directory(with_mail(CEDAR), sequence=2))
    desk.now += HOUR
    desk.tell()
    assert set(desk.told()) == {"notary@cedar.test"}


def test_names_go_with_their_certificate(desk: Desk) -> None:
    desk.see(SITE)
    assert [each.der for each in desk.log.for_domain("example.test", 5)] == [SITE.der]
    desk.now += 200 * DAY
    desk.see(ALDER.server("later.test", days=300))
    assert desk.log.for_domain("example.test", 5) == ()


def test_names_that_no_database_holds_are_left_out(desk: Desk) -> None:
    desk.see(ALDER.server("www.example.test", "a\0b.example.test", f"{'a' * 300}.example.test"))
    assert len(desk.log.for_domain("www.example.test", 5)) == 1
    with desk.engine.connect() as connection:
        assert connection.execute(select(NAMES.c.name)).scalars().all() == ["www.example.test"]
