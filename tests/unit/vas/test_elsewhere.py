"""A known certificate appears at new addresses (docs/spec H10): who hears of it, of which, and how often at most."""

import email
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from mecai.errors import HostError
from mecai.protocol.pki.identity import address_octets, hash_of
from mecai.vas.config import MailSettings
from mecai.vas.notify import elsewhere
from mecai.vas.storage import addresses, mails
from mecai.vas.storage.addresses import ELSEWHERE, GATHERED, AddressLog
from mecai.vas.storage.mails import PER_DAY
from mecai.vas.storage.review import review
from mecai.vas.storage.tables import ADDRESSES, OUTBOX
from tests.pki import DAY, HOUR, NOW, Issued, key
from tests.unit.vas.outside import ONE, OTHER, REQUEST, TWO, Make, Vas
from tests.unit.vas.post import ALDER, SITE, Post, inner

SUBJECT = "certificate for www.example.test at new addresses"
MIDNIGHT = datetime(2026, 3, 3, tzinfo=NOW.tzinfo)
FIRST = "198.18.0.1"


class Watch(Post):
    """A VA that knows where certificates were seen."""

    def appear(self, *at: str, server: Issued = SITE, requester: str = "192.0.2.9") -> None:
        """Let a probe see a certificate at these addresses."""
        AddressLog(self.engine).note(hash_of(server.certificate), list(map(address_octets, at)), requester, self.now)

    def meet(self, server: Issued = SITE) -> None:
        """Let a probe see a certificate for the first time, and its owner hear of it."""
        self.see(server)
        self.appear(FIRST, server=server)
        self.tell()
        assert self.sent
        self.sent.clear()

    def at(self, now: datetime) -> list[tuple[str, str, str]]:
        """Do what is due by then; return the mails of that time: to whom, subject, text."""
        self.sent.clear()
        self.now = now
        self.runner.run()
        return [
            (to, email.message_from_bytes(mail)["Subject"], str(inner(mail).get_payload())) for _, to, mail in self.sent
        ]

    def soon(self) -> list[tuple[str, str, str]]:
        """Do what is due when the first of a day has been gathered."""
        return self.at(self.now + GATHERED)


@pytest.fixture
def watch(engine: Engine, tmp_path: Path) -> Watch:
    return Watch(engine, tmp_path)


def listed(text: str, under: str) -> list[str]:
    """Return the addresses that a mail lists under a heading."""
    lines = text.replace("\r\n", "\n").partition(f"{under}:\n")[2].splitlines()
    count = next(place for place, line in enumerate(lines) if not line.startswith("  "))
    return [line.split()[0] for line in lines[:count]]


def test_the_owner_hears_of_a_new_address_and_of_what_was_known(watch: Watch) -> None:
    watch.meet()
    watch.appear(FIRST, "2001:db8::9")
    ((to, subject, text),) = watch.soon()
    assert (to, subject) == ("owner@example.test", SUBJECT)
    assert text.startswith(SUBJECT)
    assert (listed(text, "seen at"), listed(text, "known before")) == (["2001:db8::9"], [FIRST])
    for words in (hash_of(SITE.certificate).hex(), "192.0.2.9", "since 2026-03-02 12:00:30 UTC", SITE.pem.decode()):
        assert words.strip() in text.replace("\r\n", "\n")
    (reviewed,) = review(watch.engine, 1)
    assert reviewed.notifications[-2:] == (
        "elsewhere of 2026-03-02: new addresses: 1",
        "elsewhere-mail to owner@example.test of 2026-03-02: delivered",
    )


def test_no_address_is_told_twice_nor_that_of_the_first_sight(watch: Watch) -> None:
    watch.meet()
    watch.appear(FIRST)
    assert watch.soon() == []
    for _ in range(2):
        watch.appear("198.18.0.9")
    assert len(watch.soon()) == 1
    watch.appear("198.18.0.9", FIRST)
    assert watch.at(watch.now + 2 * DAY) == []


def test_one_mail_soon_and_one_when_the_day_is_over_however_many_there_are(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "LISTED", 3)
    watch.meet()
    watch.appear("198.18.1.1")
    watch.now += GATHERED / 2
    watch.appear("198.18.1.2")  # in time for the first
    assert [listed(text, "seen at") for _, _, text in watch.soon()] == [["198.18.1.1", "198.18.1.2"]]
    for number in range(5):
        watch.appear(f"198.18.2.{number}")
        assert watch.soon() == []
    ((_, subject, text),) = watch.at(MIDNIGHT)
    assert subject == SUBJECT
    assert listed(text, "seen at") == ["198.18.2.0", "198.18.2.1", "198.18.2.2", "and"]
    assert "  and 2 more" in text
    assert watch.at(MIDNIGHT + 3 * DAY) == []
    watch.appear("198.18.3.1")
    assert [listed(text, "seen at") for _, _, text in watch.soon()] == [["198.18.3.1"]]


def test_what_comes_when_the_last_of_a_day_was_begun_is_told_the_day_after(watch: Watch) -> None:
    """Its request was probed before midnight, and took a while."""
    watch.meet()
    for each in ("198.18.1.1", "198.18.1.2"):
        watch.appear(each)
        watch.soon()
    assert len(watch.at(MIDNIGHT)) == 1
    watch.now = MIDNIGHT - timedelta(seconds=1)
    watch.appear("198.18.1.3")
    assert [listed(text, "seen at") for _, _, text in watch.at(MIDNIGHT + HOUR)] == [["198.18.1.3"]]


def test_addresses_beyond_so_many_are_not_kept_and_the_owner_is_told_so(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever passes a server's answers on has as many addresses as he likes."""
    monkeypatch.setattr(addresses, "KEPT", 4)
    watch.meet()
    watch.appear(*(f"198.18.1.{number}" for number in range(9)))
    ((_, _, text),) = watch.soon()
    assert listed(text, "seen at") == ["198.18.1.0", "198.18.1.1", "198.18.1.2", "4"]
    assert "  4 addresses are known by now: this VA tells further ones apart no longer" in text
    watch.appear("198.18.7.7")
    ((_, _, text),) = watch.at(MIDNIGHT)
    assert listed(text, "seen at") == ["4"]
    with watch.engine.connect() as connection:
        assert len(connection.execute(select(ADDRESSES)).all()) == 4


def test_they_leave_the_days_mails_to_first_sights(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of them takes a part of what a domain and an address may have; the rest of it is in the digest."""
    sites = [ALDER.server("www.example.test", server_key=key(f"site {n}"), days=50 + n) for n in range(8)]
    for site in sites:
        watch.meet(site)
    watch.now = MIDNIGHT + HOUR
    for site in sites:
        watch.appear("198.18.5.5", server=site)
    told = watch.soon()
    assert [subject for _, subject, _ in told] == [SUBJECT] * (PER_DAY // mails.ELSEWHERE)
    watch.see(ALDER.server("www.example.test", server_key=key("stolen")))
    watch.tell()
    assert [to for _, to, _ in watch.sent[len(told) :]] == ["owner@example.test"]  # at once
    ((to, subject, text),) = watch.at(MIDNIGHT + DAY)
    assert (to, subject) == ("owner@example.test", "certificates for example.test: 3 more of 2026-03-03")
    assert text.count(f"at 198.18.5.5, new there, known before at {FIRST}") == 3
    monkeypatch.setattr(mails, "TO_ONE_ADDRESS", mails.ELSEWHERE)
    watch.appear("198.18.5.6", server=sites[0])
    watch.appear("198.18.5.6", server=sites[1])
    assert len(watch.soon()) == 1


def test_what_is_left_to_one_digest_keeps_no_later_notice_back(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mails, "PER_DAY", 1)
    watch.meet()
    told = []
    for day, address in enumerate(("198.18.1.1", "198.18.1.2")):
        watch.now = MIDNIGHT + day * DAY + HOUR
        watch.appear(address)
        assert watch.soon() == []
        told += [text for _, _, text in watch.at(MIDNIGHT + (day + 1) * DAY)]
    assert [f"at 198.18.1.{number}, new there" in text for number, text in enumerate(told, 1)] == [True, True]


def test_who_was_told_before_is_told_and_nobody_looked_for(watch: Watch) -> None:
    watch.meet()
    watch.known["example.test"] = ("other@example.test",)
    watch.appear("198.18.0.9")
    assert [to for to, _, _ in watch.soon()] == ["owner@example.test"]


def test_where_nobody_was_told_nobody_is(watch: Watch) -> None:
    watch.known.clear()
    watch.see()
    watch.appear(FIRST)
    watch.tell()
    watch.appear("198.18.0.9")
    assert watch.soon() == []
    said = "new addresses: 1; nobody was told before about example.test"
    assert watch.outcomes()[ELSEWHERE] == [said]


def test_who_is_not_told_of_the_certificate_yet_hears_of_its_addresses_afterwards(watch: Watch) -> None:
    """The worker did not run, or the relay was out, for as long as both waited."""
    watch.see()
    watch.appear(FIRST)
    watch.appear("198.18.0.9")
    watch.relay = [HostError("the relay: timed out")] * 3
    subjects = [subject for hours in range(3) for _, subject, _ in watch.at(NOW + (1 + hours) * HOUR)]
    assert watch.relay == []
    subjects += [subject for hours in range(3) for _, subject, _ in watch.at(NOW + (4 + hours) * HOUR)]
    assert subjects == [f"certificate for www.example.test: {hash_of(SITE.certificate).hex()}", SUBJECT]


def test_a_notice_that_is_tried_again_says_the_same(watch: Watch) -> None:
    log, name = AddressLog(watch.engine), hash_of(SITE.certificate)
    watch.meet()
    watch.appear("198.18.0.9")
    first = log.take(name, "2026-03-02")
    watch.appear("198.18.0.10")
    assert log.take(name, "2026-03-02") == replace(first, total=3)
    assert [each.address for each in log.take(name, "2026-03-02, the rest").new] == ["198.18.0.10"]


def test_what_has_left_the_log_is_told_to_nobody(watch: Watch) -> None:
    watch.appear("198.18.0.9")  # it expired between the probe and this
    watch.meet()
    watch.appear("198.18.0.9")
    with watch.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM certificates")
    assert watch.soon() == []
    assert watch.outcomes()[ELSEWHERE] == ["given up: the certificate has expired meanwhile"]


@pytest.fixture
def watched(make: Make) -> Vas:
    """Make a VAS whose operator wants owners to hear of new addresses."""
    nothing = Path("/nonexistent")
    return make(mail=MailSettings("notary@birch.test", nothing, nothing, "mail.birch.test", new_addresses=True))


def kinds(vas: Vas) -> Sequence[str]:
    """Return the kinds of what is in the outbox."""
    with vas.server.engine.connect() as connection:
        return connection.execute(select(OUTBOX.c.kind).order_by(OUTBOX.c.id)).scalars().all()


def test_a_vas_notes_what_its_probe_saw_and_not_what_was_asked_for(watched: Vas) -> None:
    """Named first and shown later, within the minutes for which a request is not noted anew: that is a new address."""
    watched.outside.shown[TWO] = OTHER.chain_der
    assert watched.ask().status_code == 200
    assert kinds(watched) == ["first-sight"]
    del watched.outside.shown[TWO]
    watched.outside.wait(1)
    assert watched.ask().status_code == 200
    assert kinds(watched) == ["first-sight", ELSEWHERE]


def test_one_on_hold_is_watched_too(make: Make, watched: Vas) -> None:
    held = make(hold=DAY, mail=watched.server.config.mail)
    assert held.ask(replace(REQUEST, addresses=(ONE,))).status_code == 202
    assert held.ask(replace(REQUEST, addresses=(TWO,))).status_code == 202
    assert kinds(held) == ["first-sight", ELSEWHERE]


def test_without_the_setting_nothing_is_kept(make: Make) -> None:
    vas = make()
    for address in (ONE, TWO):
        assert vas.ask(replace(REQUEST, addresses=(address,))).status_code == 200
    assert kinds(vas) == ["first-sight"]
    with vas.server.engine.connect() as connection:
        assert connection.execute(select(ADDRESSES)).all() == []
