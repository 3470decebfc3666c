"""Owners of domains are told (docs/spec H3, H4): who, what, how often, and over an outage of the relay."""

import email
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import func, select

from mecai.errors import HostError
from mecai.protocol.pki.identity import hash_of
from mecai.service.deadline import Deadline
from mecai.vas import worker
from mecai.vas.config import ContextSource, VasConfig
from mecai.vas.jobs import runner
from mecai.vas.jobs.runner import run_all_forever
from mecai.vas.notify.contacts import MOST, Contacts
from mecai.vas.notify.contacts import SECONDS as CONTACT_SECONDS
from mecai.vas.notify.first_sight import FIRST_SECONDS, Owner
from mecai.vas.storage import unnotified
from mecai.vas.storage.certificates import SETTLED_AFTER
from mecai.vas.storage.mails import AGAIN, OWNER, PER_DAY
from mecai.vas.storage.outbox import LEASE, Message
from mecai.vas.storage.review import review
from mecai.vas.storage.tables import OUTBOX
from mecai.vas.storage.unnotified import UnnotifiedLog
from mecai.vas.worker import apart, make_notifier
from tests.patience import SECONDS
from tests.pki import DAY, HOUR, NOW, key
from tests.unit.vas.post import ALDER, BIRCH, BODY, MINUTE, SITE, Post, inner


def test_the_owner_is_told_once(post: Post) -> None:
    for _ in range(2):
        post.see()
        post.tell()
        post.now += HOUR
    ((sender, recipient, message),) = post.sent
    assert (sender, recipient) == ("notary@birch.test", "owner@example.test")
    subject = f"certificate for www.example.test: {hash_of(SITE.certificate).hex()}"
    outer, signed = email.message_from_bytes(message), inner(message)
    for name in ("Subject", "From", "To", "Date", "Message-ID"):
        assert outer[name] == signed[name]
    assert outer["Subject"] == subject
    assert signed.get_param("hp") == "clear"
    lines = str(signed.get_payload()).splitlines()
    assert lines[0] == subject
    text = "\n".join(lines)
    for words in ("192.0.2.7", "198.18.0.1, 198.18.0.2", "held until 2026-03-05 12:00:00 UTC", "www.example.test"):
        assert words in text
    assert SITE.pem.decode().strip() in text
    assert post.outcomes() == {
        "first-sight": ["owners to be found: 1"],
        "owner": ["1 to be told"],
        "mail": ["delivered"],
    }
    (reviewed,) = review(post.engine, 1)
    assert reviewed.notifications == (
        "first-sight: owners to be found: 1",
        "owner of example.test: 1 to be told",
        "mail to owner@example.test: delivered",
    )


def test_openssl_takes_the_signature(post: Post, tmp_path: Path) -> None:
    post.see()
    post.tell()
    (tmp_path / "mail").write_bytes(post.sent[0][2])
    (tmp_path / "root.pem").write_bytes(BIRCH.root.pem)
    at = str(int(NOW.timestamp()))
    words = ["openssl", "cms", "-verify", "-in", "mail", "-CAfile", "root.pem", "-attime", at, "-out", "text"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    assert b"certificate for www.example.test" in (tmp_path / "text").read_bytes()
    changed = post.sent[0][2].replace(b"seen at:   198.18.0.1", b"seen at:   198.18.0.9")
    assert changed != post.sent[0][2]
    (tmp_path / "mail").write_bytes(changed)
    assert subprocess.run(words, cwd=tmp_path, check=False, capture_output=True).returncode != 0


def test_every_line_ends_as_mail_asks(post: Post) -> None:
    post.see(ALDER.server(*(f"{n}.{'long' * 12}.example.test" for n in range(60)), server_key=key("many")))
    post.tell()
    message = post.sent[0][2]
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert max(map(len, message.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1


@pytest.mark.parametrize(
    ("name", "said"),
    [("*.example.test", "example.test"), ("WWW.example.test", "www.example.test"), ("a_b.example.test", "invalid")],
)
def test_the_name_in_the_subject(post: Post, name: str, said: str) -> None:
    """A wildcard is named by its domain; who else is named in the certificate hears of what is no host name."""
    odd = ALDER.server(name, "example.test", server_key=key("odd"))
    post.see(odd)
    post.tell()
    ((_, _, message),) = post.sent
    assert email.message_from_bytes(message)["Subject"] == f"certificate for {said}: {hash_of(odd.certificate).hex()}"


def test_a_source_that_is_silent_is_asked_again(post: Post) -> None:
    post.see()
    post.known["example.test"] = HostError("RDAP: timed out")
    post.tell()
    assert post.sent == []
    post.known["example.test"] = ("owner@example.test",)
    post.now += MINUTE
    post.runner.run()
    assert len(post.sent) == 1


def test_nobody_to_tell(post: Post) -> None:
    post.see()
    post.known.clear()
    post.tell()
    assert post.outcomes() == {
        "first-sight": ["owners to be found: 1"],
        "owner": ["unnotified"],
        "unnotified": [None],
    }
    [note] = UnnotifiedLog(post.engine).listed()
    assert (note.certificate, note.domain) == (hash_of(SITE.certificate).hex(), "example.test")
    assert note.hold_end is not None
    assert note.hold_end - note.noted == timedelta(hours=72) - SETTLED_AFTER


def test_whose_owner_is_found_later_is_unnotified_no_more(post: Post) -> None:
    post.see()
    post.known["example.test"] = HostError("RDAP: timed out")
    post.tell()
    assert len(UnnotifiedLog(post.engine).listed()) == 1
    post.known["example.test"] = ("owner@example.test",)
    post.now += MINUTE
    post.runner.run()
    assert UnnotifiedLog(post.engine).listed() == ()


def test_the_newest_that_nobody_is_told_of_are_kept(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unnotified, "KEPT", 3)
    monkeypatch.setattr(unnotified, "SHOWN", 2)
    log = UnnotifiedLog(post.engine)
    for number in range(5):
        log.note(f"{number}.test", {"certificate": "00" * 32, "holdEnd": None}, post.now)
    assert [each.domain for each in log.listed()] == ["4.test", "3.test"]
    with post.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(OUTBOX)).scalar_one() == 3


def test_a_contact_that_was_told_is_remembered(post: Post) -> None:
    """Who takes a domain over at its registry does not silence its former owner (docs/spec H3)."""
    post.see()
    post.tell()
    post.known["example.test"] = ("thief@example.test",)
    post.now += DAY
    post.see(ALDER.server("www.example.test", days=80))
    post.tell()
    assert [recipient for _, recipient, _ in post.sent] == [
        "owner@example.test",
        "owner@example.test",
        "thief@example.test",
    ]
    assert post.mails.known_contacts("example.test", post.now - 400 * DAY) == (
        "owner@example.test",
        "thief@example.test",
    )
    assert post.mails.known_contacts("example.test", post.now) == ("owner@example.test", "thief@example.test")
    post.now += 402 * DAY
    post.runner.run()
    assert post.outcomes() == {}


def test_a_domain_gets_so_many_mails_a_day_and_then_a_digest(post: Post) -> None:
    servers = [ALDER.server("www.example.test", server_key=key(f"key {n}"), days=50 + n) for n in range(PER_DAY + 5)]
    for server in servers:
        post.see(server)
    post.tell()
    assert len(post.sent) == PER_DAY
    post.now = datetime(2026, 3, 3, tzinfo=NOW.tzinfo)
    post.runner.run()
    (digest,) = post.sent[PER_DAY:]
    subject = email.message_from_bytes(digest[2])["Subject"]
    assert subject == "certificates for example.test: 5 more of 2026-03-02"
    untold = [hash_of(server.certificate).hex() for server in servers[PER_DAY:]]
    lines = str(inner(digest[2]).get_payload()).splitlines()
    seen = "www.example.test, asked by 192.0.2.7, at 198.18.0.1, 198.18.0.2, held until 2026-03-05 12:00:00 UTC"
    assert lines[lines.index("example.test:") + 1 :] == [f"{each} {seen}" for each in untold]
    assert post.outcomes()["untold"] == ["in the digest of 2026-03-02"] * 5


def test_the_owner_of_each_domain_of_a_certificate_is_told(post: Post) -> None:
    """However many others somebody has put before his, and whether anybody can say who owns those."""
    others = [f"thief{number}.test" for number in range(40)]
    post.known |= dict.fromkeys(others, HostError("CAA: timed out"))
    post.see(ALDER.server(*others, "www.example.test"))
    post.tell()
    assert [recipient for _, recipient, _ in post.sent] == ["owner@example.test"]
    assert post.outcomes()["first-sight"] == ["owners to be found: 41"]
    assert post.outcomes()["owner"] == ["unnotified; others may be: a source is silent"] * 40 + ["1 to be told"]
    post.known |= {domain: (f"owner@{domain}",) for domain in others}
    post.now += MINUTE
    post.runner.run()
    assert sorted(recipient for _, recipient, _ in post.sent[1:]) == sorted(f"owner@{domain}" for domain in others)


def test_contacts_are_found_within_the_lease(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else another worker would take the message and begin anew; at first who is silent keeps nobody waiting long."""
    seconds = [0.0]

    def silent(_domain: str, deadline: Deadline) -> tuple[str, ...]:
        seconds[0] += deadline.left()
        raise HostError("timed out")

    monkeypatch.setattr("mecai.vas.notify.first_sight.Deadline", partial(Deadline, clock=lambda: seconds[0]))
    post.see()
    handler = Owner(post.log, Contacts((silent, silent)), post.mails, UnnotifiedLog(post.engine), timedelta(hours=72))
    message = Message(1, OWNER, "key", {**BODY, "domain": "example.test"}, NOW, 1)
    assert handler(message, NOW) == "unnotified; others may be: a source is silent"
    assert seconds[0] == FIRST_SECONDS
    seconds[0] = 0.0
    with pytest.raises(HostError, match="unnotified; others may be: a source is silent"):
        handler(replace(message, kind=AGAIN), NOW)
    assert seconds[0] == 2 * CONTACT_SECONDS < LEASE.total_seconds()


def test_whoever_is_known_is_told_at_once_and_a_silent_source_asked_again(post: Post) -> None:
    """Whoever took over the DNS may keep the registry from being asked, and is not the only one who is told."""
    registry: list[HostError | str] = [HostError("RDAP: 429"), "owner@example.test"]

    def rdap(_domain: str, _deadline: Deadline) -> tuple[str, ...]:
        said = registry.pop(0)
        if isinstance(said, HostError):
            raise said
        return (said,)

    post.known["example.test"] = ("thief@example.test",)
    post.employ(rdap, post.look_up)
    post.see()
    post.tell()
    assert [recipient for _, recipient, _ in post.sent] == ["thief@example.test"]
    assert post.outcomes()["owner"] == ["1 to be told; others may be: a source is silent"]
    post.now += MINUTE
    post.runner.run()
    assert [recipient for _, recipient, _ in post.sent] == ["thief@example.test", "owner@example.test"]
    assert post.outcomes()["owner-again"] == ["2 to be told"]
    (reviewed,) = review(post.engine, 1)
    assert reviewed.notifications[1:] == (
        "owner of example.test: 1 to be told; others may be: a source is silent",
        "mail to thief@example.test: delivered",
        "owner-again of example.test: 2 to be told",
        "mail to owner@example.test: delivered",
    )


def test_a_mail_waits_for_no_look_up_and_a_new_one_for_none_that_was_silent(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that look again wait for somebody silent, and all but one of those that look: each until a mail is sent."""
    finders = 2
    monkeypatch.setattr(worker, "FINDERS", finders)
    stopped, mailed, in_time = Event(), Event(), list[bool]()
    silent = [f"silent{number}.test" for number in range(2 * finders)]
    monkeypatch.setattr(runner, "LONGEST_SLEEP", timedelta(seconds=1))

    def look_up(domain: str, _deadline: Deadline) -> tuple[str, ...]:
        if domain not in silent:
            return (f"owner@{domain}",)
        in_time.append(mailed.wait(SECONDS))
        raise HostError("timed out")

    def send(*_: object) -> None:
        mailed.set()
        stopped.set()

    server = ALDER.server(*silent[: finders - 1], "www.example.test")
    post.see(server)
    post.now += SETTLED_AFTER
    for domain in silent:
        body = {**BODY, "certificate": hash_of(server.certificate).hex(), "domain": domain}
        post.mails.seek_again(body, post.now, post.now - MINUTE)
    post.employ(look_up, send=send)
    run_all_forever(apart(post.runner), stopped)
    assert post.outcomes()["mail"] == ["delivered"]
    assert in_time == [True] * (3 * finders - 1)


def test_who_was_told_before_waits_for_no_look_up(post: Post) -> None:
    """Somebody else's thousands of domains may be in the way, none of which says anything."""
    post.see()
    post.tell()
    server = ALDER.server("other.test", "www.example.test", days=80)
    post.see(server)
    post.now += SETTLED_AFTER
    first, *_, mailer = apart(post.runner)
    assert first.run() == 1
    mailer.run()
    subject = f"certificate for other.test: {hash_of(server.certificate).hex()}"
    (_, recipient, message) = post.sent[1]
    assert (recipient, email.message_from_bytes(message)["Subject"]) == ("owner@example.test", subject)
    assert post.outcomes()["owner"] == ["1 to be told", None, None]
    post.runner.run()
    assert len(post.sent) == 2


def test_a_thief_in_the_dns_crowds_out_nobody_who_was_told_before(post: Post) -> None:
    post.see()
    post.tell()
    post.known["example.test"] = thieves = tuple(f"thief{number}@example.test" for number in range(2 * MOST))
    post.now += DAY
    post.see(ALDER.server("www.example.test", days=80))
    post.tell()
    told = [recipient for _, recipient, _ in post.sent[1:]]
    assert told == ["owner@example.test", *thieves[:MOST]]


def test_a_va_without_mail_says_so(post: Post) -> None:
    post.see()
    nothing = Path("/nonexistent")
    config = VasConfig(nothing, nothing, "sqlite://", (ContextSource("MOZ", nothing, nothing),), nothing)
    make_notifier(config, post.engine, lambda: NOW + SETTLED_AFTER).run()
    assert post.outcomes() == {"first-sight": ["given up: unnotified: this VA sends no mail"]}


def test_a_renewal_is_told_as_one_that_is_not_held(post: Post) -> None:
    """Its hold ends within the request that saw it first (docs/spec H5): nobody is told before."""
    post.see()
    post.runner.run()
    assert post.outcomes() == {"first-sight": [None]}
    post.log.release(hash_of(SITE.certificate), post.now, "renewal")
    post.tell()
    assert "not held: it follows one that is known" in str(inner(post.sent[0][2]).get_payload())
