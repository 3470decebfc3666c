"""What the outbox's runner does with a message: tries again, gives up, leaves it to another, hinders no other."""

import email
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DataError, OperationalError

from mecai.errors import HostError
from mecai.vas.jobs.runner import PERSISTENCE, GivenUp
from mecai.vas.storage.certificates import SETTLED_AFTER
from mecai.vas.storage.mails import MAIL
from mecai.vas.storage.outbox import LEASE, Message, put
from mecai.vas.storage.tables import OUTBOX
from tests.pki import DAY, HOUR, NOW
from tests.unit.vas.post import ALDER, MINUTE, Post


def test_a_relay_that_is_out_is_tried_again_with_the_same_message(post: Post) -> None:
    post.see()
    post.relay = [HostError("the relay: Connection refused")] * 3
    waits = []
    post.tell()
    while not post.sent:
        due = post.runner.outbox.next_due(post.runner.handlers)
        assert due is not None
        waits.append(due - post.now)
        post.now = due
        post.runner.run()
    assert waits == [MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert post.outcomes()["mail"] == ["delivered"]
    assert len(post.sent) == 1


def test_a_relay_that_stays_out_is_given_up(post: Post) -> None:
    post.see()
    post.relay = [HostError("the relay: Connection refused")] * 1000
    post.tell()
    while (due := post.runner.outbox.next_due(post.runner.handlers)) is not None:
        post.now = due
        post.runner.run()
    assert post.outcomes()["mail"] == ["given up: the relay: Connection refused"]
    assert PERSISTENCE <= post.now - NOW < PERSISTENCE + 5 * HOUR


def test_what_is_refused_for_good_is_not_tried_again(post: Post) -> None:
    post.see()
    post.relay = [GivenUp("the relay says 550 no such user")]
    post.tell()
    assert post.outcomes()["mail"] == ["given up: the relay says 550 no such user"]
    assert post.runner.outbox.next_due(post.runner.handlers) is None


def test_a_runner_that_dies_leaves_its_message_to_another(post: Post) -> None:
    """The mail goes out under the same Message-ID, so that whoever got it already knows it."""
    post.see()
    post.tell()
    first = post.sent.pop()[2]
    with post.engine.begin() as connection:
        connection.execute(OUTBOX.update().where(OUTBOX.c.kind == "mail").values(due=post.now, outcome=None))
    assert post.runner.outbox.take(post.now, post.runner.handlers) is not None  # and here it dies
    post.runner.run()
    assert post.sent == []
    post.now += LEASE
    post.runner.run()
    again = post.sent.pop()[2]
    assert email.message_from_bytes(again)["Message-ID"] == email.message_from_bytes(first)["Message-ID"]


@pytest.mark.parametrize(
    ("relay", "pauses"), [([], []), ([HostError("the relay: Connection refused")], [MINUTE])], ids=["sent", "refused"]
)
def test_what_came_of_a_mail_is_said_when_the_database_is_back(
    post: Post, monkeypatch: pytest.MonkeyPatch, relay: list[Exception], pauses: list[timedelta]
) -> None:
    """What has left does not leave again, and what has not waits for its pause, not for the end of the lease."""
    post.see()
    post.relay = relay
    settle = post.runner.outbox.settle

    def fail_once(message: Message, *came_of_it: Any) -> None:
        if message.kind == MAIL:
            monkeypatch.undo()
            raise OperationalError("UPDATE", {}, Exception("terminating connection due to administrator command"))
        settle(message, *came_of_it)

    monkeypatch.setattr(post.runner.outbox, "settle", fail_once)
    with pytest.raises(OperationalError):
        post.tell()
    post.runner.run()
    waited = []
    while (due := post.runner.outbox.next_due(post.runner.handlers)) is not None:
        waited.append(due - post.now)
        post.now = due
        post.runner.run()
    assert (waited, len(post.sent)) == (pauses, 1)
    assert post.outcomes()["mail"] == ["delivered"]


def test_what_the_database_refuses_for_good_stops_no_other_message(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post.see()

    def fail(*_: object) -> None:
        raise DataError("UPDATE", {}, Exception("invalid byte sequence"))

    with monkeypatch.context() as patch:
        patch.setattr(post.runner.outbox, "settle", fail)
        with pytest.raises(DataError):
            post.tell()
    assert not post.runner.unsettled


@pytest.mark.parametrize("due", [None, NOW + 10 * DAY], ids=["given up", "again"])
def test_an_attempt_that_failed_says_nothing_where_another_has_begun(post: Post, due: datetime | None) -> None:
    post.see()
    post.now += SETTLED_AFTER
    kinds = post.runner.handlers
    slow = post.runner.outbox.take(post.now, kinds)
    post.now += LEASE
    other = post.runner.outbox.take(post.now, kinds)
    assert slow is not None
    assert other is not None
    assert slow.id == other.id
    post.runner.outbox.settle(other, "done")
    post.runner.outbox.settle(slow, "the database failed", due, failed=True)
    assert post.outcomes() == {"first-sight": ["done"]}
    assert post.runner.outbox.next_due(kinds) is None


def test_a_fault_in_one_message_leaves_the_others(post: Post) -> None:
    post.see()
    with post.engine.begin() as connection:
        connection.execute(OUTBOX.update().values(body=json.dumps({"certificate": "zz"})))
    post.see(ALDER.server("www.example.test", days=80))
    post.tell()
    assert len(post.sent) == 1
    assert post.outcomes()["first-sight"][0] == "a fault of this program: ValueError"


def test_what_a_worker_does_not_know_waits_for_another(post: Post) -> None:
    """A worker of this release neither does nor gives up what the next one will do."""
    with post.engine.begin() as connection:
        put(connection, "of the next release", "key", {}, post.now, due=post.now)
    post.see()
    post.tell()
    assert len(post.sent) == 1
    assert post.outcomes()["of the next release"] == [None]
    assert post.runner.outbox.take(post.now, {"of the next release"}) is not None
