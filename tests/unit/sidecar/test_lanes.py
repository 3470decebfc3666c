"""Who is asked when: side by side, one thing at a time, and nobody in vain again and again."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from mecai.protocol.pki.identity import certificate_hash
from mecai.sidecar.lanes import TRIES
from mecai.sidecar.report import report
from mecai.vrp.answers import Held, RequestRefused
from tests.patience import SECONDS
from tests.pki import HOUR, NOW, Hierarchy, Issued
from tests.scene import ADDRESS
from tests.unit.sidecar.conftest import SECOND, Answer, Side

MINUTE = timedelta(minutes=1)
SITES = 6
BIRCH, CEDAR, DOGWOOD = (f"https://vas.{name}.test" for name in ("birch", "cedar", "dogwood"))


@pytest.fixture
def many(side: Side) -> Side:
    """Give a sidecar of six certificates, for each of which every VAS vouches."""
    (entry,) = side.config.certificates
    sites: dict[bytes, Issued] = {}
    entries = []
    for number in range(SITES):
        site = side.scene.alder.server(f"site{number}.example.test")
        side.responders.know(side.scene.alder, site)
        chain = side.config.directory.with_name(f"{number}.pem")
        chain.write_bytes(site.chain_pem)
        entries.append(replace(entry, chain=chain))
        sites[certificate_hash(site.der)] = site
    side.config = replace(side.config, certificates=tuple(entries))

    def vouch(va: Hierarchy) -> bytes:
        asked = side.requests[f"https://vas.{va.name}.test"]
        return side.scene.voucher(va, site=sites[asked.hashes[0]], addresses=(ADDRESS, SECOND))

    for va in (side.scene.birch, side.scene.cedar, side.scene.dogwood):
        side.answer(va, partial(vouch, va))
    return side


def made(answer: Answer | Callable[[], Answer]) -> Answer:
    return answer() if callable(answer) else answer


def test_everybody_is_asked_for_everything(many: Side) -> None:
    many.run()
    assert Counter(many.asked) == dict.fromkeys((BIRCH, CEDAR, DOGWOOD), SITES)
    assert len(list(many.config.staples.glob("*/*"))) == SITES * 4


def test_one_that_is_silent_holds_up_nobody_else(many: Side) -> None:
    """Birch answers its first question only when the others have answered all of theirs."""
    others = threading.Semaphore(0)
    genuine = dict(many.answers)

    def first() -> Exception:
        many.answers[BIRCH] = RequestRefused("timed out")
        for _ in range(2 * SITES):
            assert others.acquire(timeout=SECONDS)
        return RequestRefused("timed out")

    def counted(url: str) -> Answer:
        others.release()
        return made(genuine[url])

    for url in (CEDAR, DOGWOOD):
        many.answers[url] = partial(counted, url)
    many.answers[BIRCH] = first
    many.config = replace(many.config, parallel_requests=4)
    many.run()
    assert Counter(many.asked) == {BIRCH: TRIES, CEDAR: SITES, DOGWOOD: SITES}


def test_nobody_is_asked_two_things_at_once(many: Side) -> None:
    asking: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()
    genuine = dict(many.answers)

    def counted(url: str) -> Answer:
        with lock:
            asking[url] += 1
            most[url] = max(most[url], asking[url])
        answer = made(genuine[url])
        with lock:
            asking[url] -= 1
        return answer

    for url in genuine:
        many.answers[url] = partial(counted, url)
    many.run()
    assert most == {BIRCH: 1, CEDAR: 1, DOGWOOD: 1}


def test_who_is_down_is_asked_three_times_in_a_round_and_first_for_what_was_left(many: Side) -> None:
    many.answers[BIRCH] = RequestRefused("no route")
    many.run()
    assert many.asked.count(BIRCH) == TRIES
    said = [row for row in report(many.config, many.kinds(many.config), NOW) if "no route" in row.detail]
    assert len(said) == SITES  # also those that were not asked for
    failed = many.requests[BIRCH].hashes[0]
    many.now += MINUTE
    many.run()
    assert many.asked.count(BIRCH) == TRIES
    assert many.requests[BIRCH].hashes[0] != failed


def test_a_certificate_that_one_authority_refuses_is_nothing_against_the_others(many: Side) -> None:
    for answer in (RequestRefused("revoked", final=True), b"garbage"):
        many.answers[BIRCH] = answer
        many.run(everything=True)
        assert many.asked.count(BIRCH) == SITES


def test_one_that_answers_in_between_goes_on(many: Side) -> None:
    turns: Iterator[Answer] = itertools.cycle([RequestRefused("a"), RequestRefused("b"), Held(NOW + 3 * HOUR)])
    many.answers[BIRCH] = lambda: next(turns)
    many.run()
    assert many.asked.count(BIRCH) == SITES


def test_retry_after_is_waited_for(side: Side) -> None:
    side.answer(side.scene.birch, RequestRefused("too many", final=True, retry=3 * HOUR))
    side.run()
    side.now += 3 * HOUR - MINUTE
    side.run()
    assert BIRCH not in side.asked
    side.now += MINUTE
    side.run()
    assert BIRCH in side.asked
    assert "too many" in side.report()["birch"].detail


def test_retry_after_holds_for_the_rest_but_a_minute_at_most(many: Side) -> None:
    """What a server says of one certificate (its vouchers of a day) must not keep the others waiting for hours."""
    many.answers[BIRCH] = RequestRefused("too many", final=True, retry=5 * HOUR)
    many.run()
    assert many.asked.count(BIRCH) == 1
    refused = many.requests[BIRCH].hashes[0]
    many.now += MINUTE
    many.run()
    assert many.asked.count(BIRCH) == 1
    assert many.requests[BIRCH].hashes[0] != refused


def test_a_short_retry_after_does_not_shorten_the_usual_pause(side: Side) -> None:
    side.answer(side.scene.birch, RequestRefused("busy", retry=timedelta(seconds=1)))
    due = side.run()
    assert due is not None
    assert due - NOW > timedelta(seconds=20)


def test_a_retry_after_beyond_the_interval_is_no_clock_that_ran_ahead(side: Side) -> None:
    side.answer(side.scene.birch, RequestRefused("busy", retry=timedelta(days=1)))
    side.run()
    side.run()
    assert side.asked == []


def test_a_round_that_is_to_end_leaves_the_rest_due(many: Side) -> None:
    left = iter([True] * 7)
    assert many.run(go_on=lambda: next(left, False)) is not None
    assert len(many.asked) < 7
    first = len(list(many.config.staples.glob("*/*")))
    assert first == 7
    many.run()
    assert len(list(many.config.staples.glob("*/*"))) == SITES * 4
    many.run()
    assert many.asked == []


def test_a_responder_that_is_down_is_left_alone_too(many: Side) -> None:
    for number in range(SITES):
        serial = many.scene.alder.server(f"site{number}.example.test").certificate.serial_number
        many.responders.status[serial] = "down"
    many.run()
    assert len(many.responders.history) == TRIES


def test_revoked_certificates_do_not_stop_the_staples_of_others(many: Side) -> None:
    for number in range(TRIES):
        serial = many.scene.alder.server(f"site{number}.example.test").certificate.serial_number
        many.responders.status[serial] = "revoked"
    many.run()
    assert len(list(many.config.staples.glob("*/ocsp.der"))) == SITES - TRIES
