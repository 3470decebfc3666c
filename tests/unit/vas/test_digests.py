"""How many mails a domain's owner and an address get in a day, and the digests of what is more (docs/spec H3)."""

import email
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mecai.errors import HostError
from mecai.protocol.pki.identity import hash_of
from mecai.vas.notify.letter import digest_letter
from mecai.vas.storage import digests, mails
from mecai.vas.storage.counts import count
from mecai.vas.storage.digests import DIGEST, UNTOLD, Part
from mecai.vas.storage.mails import PER_DAY
from mecai.vas.storage.outbox import put
from tests.pki import DAY, HOUR, NOW, Hierarchy, key
from tests.unit.vas.post import Post, inner

CEDAR = Hierarchy("cedar")
MIDNIGHT = datetime(2026, 3, 3, tzinfo=NOW.tzinfo)
BODY = {"name": "www.example.test", "requester": "192.0.2.7", "addresses": ["198.18.0.1"], "holdEnd": None}


@dataclass
class Flood:
    """Certificates that nobody has seen before, for domains whose contacts are known."""

    post: Post

    def see(self, *domains: str, of: int = 1) -> list[str]:
        """See so many of these domains; return their hashes, when all who are to be told at once were told."""
        servers = [CEDAR.server(*domains, server_key=key(f"{domains} {self.post.now} {each}")) for each in range(of)]
        for server in servers:
            self.post.see(server)
        self.post.tell()
        return [hash_of(server.certificate).hex() for server in servers]

    def at(self, now: datetime) -> list[tuple[str, str, str]]:
        """Do what is due by then; return the mails of that time: to whom, subject, text."""
        self.post.sent.clear()
        self.post.now = now
        self.post.runner.run()
        return self.sent()

    def sent(self) -> list[tuple[str, str, str]]:
        """Return the mails."""
        return [
            (to, email.message_from_bytes(mail)["Subject"], str(inner(mail).get_payload()))
            for _, to, mail in self.post.sent
        ]


@pytest.fixture
def flood(engine: Engine, tmp_path: Path) -> Flood:
    return Flood(Post(engine, tmp_path))


def hashes(text: str) -> list[str]:
    """Return the certificates that a digest names."""
    words = (line.split(" ")[0] for line in text.splitlines())
    return [word for word in words if len(word) == 64]


def test_nobody_fills_a_mailbox_by_domains_that_name_it(flood: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is written: what is beyond is in one digest, and what there is little of stands first in it."""
    monkeypatch.setattr(mails, "TO_ONE_ADDRESS", 3)
    ways = ("victim@example.test", "Victim@example.test", "victim+1@example.test")
    flood.post.known |= {f"thief{number}.test": (ways[number % 3],) for number in range(9)}
    for number in range(9):
        flood.see(f"www.thief{number}.test")
    assert [to for to, _, _ in flood.sent()] == list(ways)
    flood.see("www.thief0.test", of=3)
    (own,) = flood.see("www.example.test")  # another address: it is told at once
    assert flood.sent()[3:][0][:2] == ("owner@example.test", f"certificate for www.example.test: {own}")
    ((to, subject, text),) = flood.at(MIDNIGHT)
    assert (to, subject) == ("victim@example.test", "certificates for 7 domains: 9 more of 2026-03-02")
    others = [f"thief{number}.test:" for number in range(3, 9)]
    assert [line for line in text.splitlines() if line.endswith(".test:")] == [*others, "thief0.test:"]


def test_another_domain_of_a_thief_puts_no_mail_off(flood: Flood) -> None:
    """He names the owner for it, has as many mails sent as it may have, and puts it beside the owner's."""
    flood.post.known["thief.test"] = ("owner@example.test",)
    flood.see("www.thief.test", of=PER_DAY)
    flood.post.sent.clear()
    (stolen,) = flood.see("www.thief.test", "www.example.test")
    assert [(to, subject) for to, subject, _ in flood.sent()] == [
        ("owner@example.test", f"certificate for www.thief.test: {stolen}")
    ]


def test_a_digest_of_many_comes_in_parts(flood: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "LINES", 3)
    every = flood.see("www.example.test", of=PER_DAY + 7)
    found = flood.at(MIDNIGHT)
    head = "certificates for example.test"
    assert [subject for _, subject, _ in found] == [
        f"{head}: 3 more of 2026-03-02",
        f"{head}: 3 more of 2026-03-02, part 2",
        f"{head}: 1 more of 2026-03-02, part 3",
    ]
    assert [one for _, _, text in found for one in hashes(text)] == every[PER_DAY:]
    assert ["Another mail has more" in text for _, _, text in found] == [True, True, False]
    assert len({email.message_from_bytes(mail)["Message-ID"] for _, _, mail in flood.post.sent}) == 3
    assert flood.at(MIDNIGHT + 2 * DAY) == []


def test_what_comes_too_late_for_a_digest_is_in_the_next(flood: Flood) -> None:
    """Its contacts were looked for when another worker had delivered that of the day: its time is of before."""
    flood.see("www.example.test", of=PER_DAY + 1)
    assert len(flood.at(MIDNIGHT)) == 1
    flood.post.now = MIDNIGHT - HOUR  # also to another clock
    late = flood.see("www.example.test")
    assert [hashes(text) for _, _, text in flood.at(MIDNIGHT + DAY)] == [late]


def test_a_digest_that_is_tried_again_says_the_same(flood: Flood) -> None:
    """The relay may have had the first one, and knows the second by its Message-ID."""
    every = flood.see("www.example.test", of=PER_DAY + 2)
    flood.post.relay = [HostError("the relay: timed out")]
    assert flood.at(MIDNIGHT) == []
    flood.post.now = MIDNIGHT - HOUR
    late = flood.see("www.example.test")
    assert [hashes(text) for _, _, text in flood.at(MIDNIGHT + HOUR)] == [every[PER_DAY:]]
    assert [hashes(text) for _, _, text in flood.at(MIDNIGHT + DAY)] == [late]


def test_who_is_left_to_a_digest_gets_no_mail_besides(flood: Flood) -> None:
    """On the next day a source that was silent is asked again, and there is room for mails once more."""
    flood.see("www.example.test", of=PER_DAY)
    flood.post.now = MIDNIGHT - HOUR
    flood.post.employ(flood.post.look_up, silent)
    flood.see("www.example.test")
    assert len(flood.at(MIDNIGHT)) == 1
    assert flood.at(MIDNIGHT + 2 * DAY) == []


def silent(_domain: str, _deadline: object) -> tuple[str, ...]:
    raise HostError("RDAP: timed out")


def test_a_digest_of_the_release_before_is_delivered(flood: Flood) -> None:
    """Its nodes leave to it what is about one domain, by the domain, and keep no names."""
    bodies = [
        {**BODY, "certificate": digit * 64, "to": to}
        for digit, to in (("a", "owner@example.test"), ("b", "x@example.test"), ("c", "owner@example.test"))
    ]
    digest = {"to": "owner@example.test", "domain": "example.test", "day": "2026-03-02"}
    with flood.post.engine.begin() as connection:
        for body in bodies:
            body.pop("name")
            key = f"{body['certificate']} {body['to']}"
            put(connection, UNTOLD, key, body, NOW, due=None, topic="example.test")
        key = "example.test 2026-03-02 owner@example.test"
        put(connection, DIGEST, key, digest, NOW, due=MIDNIGHT, topic="example.test")
    ((to, _, text),) = flood.at(MIDNIGHT)
    assert (to, hashes(text)) == ("owner@example.test", ["a" * 64, "c" * 64])


def test_an_address_that_is_long(flood: Flood) -> None:
    """Longer than a mail's way may be: no database holds it as a topic, and the others are told."""
    long = f"{'a' * 64}@{'.'.join(['b' * 60] * 4)}.test"
    flood.post.known["example.test"] = (long, "owner@example.test")
    flood.see("www.example.test", of=PER_DAY)
    subject = "certificates for example.test: 10 more of 2026-03-02"
    assert {each[:2] for each in flood.at(MIDNIGHT)} == {(long, subject), ("owner@example.test", subject)}


def test_a_count_is_of_a_day(engine: Engine) -> None:
    """Who comes late by a minute counts for the new day; a day that no clock should say ends none."""
    with engine.begin() as connection:
        said = [count(connection, "x", now, 1) for now in (NOW, MIDNIGHT, NOW, MIDNIGHT + 300 * DAY, MIDNIGHT, NOW)]
        assert said == [1, 1, 2, 1, 1, 2]
        assert (count(connection, "x", NOW), count(connection, "y", NOW)) == (2, 0)


def test_what_there_is_little_of_stands_first_in_a_digest() -> None:
    bodies = [{**BODY, "certificate": f"{number:064x}", "domain": "many.test"} for number in range(5)]
    bodies.append({**BODY, "certificate": "f" * 64, "domain": "one.test", "name": "ä\r\nBcc: x"})
    lines = digest_letter(Part(bodies, False), "2026-03-02", 1, "birch").lines
    assert lines.index("one.test:") < lines.index("many.test:")
    assert f"{'f' * 64} invalid, asked by 192.0.2.7, at 198.18.0.1, not held" in lines
