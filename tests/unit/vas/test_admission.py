"""Who is let in (docs/spec R4, R6, R9): quotas, shares of the slots, and identical requests in flight."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from tests.patience import SECONDS
from tests.pki import HOUR, NOW
from tests.unit.vas.outside import ONE, OTHER, REQUEST, TWO, Make, Vas

Answer = tuple[int, str | None]  # status and Retry-After


def test_the_quota(make: Make) -> None:
    vas = make(requests_per_minute=2)
    assert [vas.ask().status_code for _ in range(3)] == [200, 200, 429]
    vas.outside.wait(60)
    assert vas.ask().status_code == 200


def test_a_clock_that_was_set_ahead_and_back_keeps_nobody_out(make: Make) -> None:
    vas = make(requests_per_minute=1)
    vas.outside.now = NOW + HOUR
    assert vas.ask().status_code == 200
    vas.outside.now = NOW
    assert vas.ask().status_code == 429
    vas.outside.seconds = 60
    assert vas.ask().status_code == 202  # let in; on hold, for it was first seen later than now


def test_malformed_requests_use_up_the_quota(make: Make) -> None:
    vas = make(requests_per_minute=1)
    assert [vas.refused(b"")[0] for _ in range(2)] == [400, 429]


def test_requests_that_are_refused_use_up_nobodys_quota_but_the_requesters(make: Make) -> None:
    """Naming a public certificate costs nothing; its owner, behind a translator here, is served all the same."""
    vas = make(certificate_requests_per_minute=1, address_requests_per_minute=1, voucher_reuse_minutes=0)
    refusals = [replace(REQUEST, port=22), replace(REQUEST, intermediates=()), replace(REQUEST, server_name="a.test")]
    for number, asked in enumerate(refusals * 20):
        assert vas.ask(asked, f"192.0.2.{number}").status_code in {400, 403}
    assert vas.ask(REQUEST, "192.0.2.99").status_code == 200
    assert vas.ask(REQUEST, "192.0.2.98").status_code == 429


def test_a_voucher_is_not_to_be_had_without_end(make: Make) -> None:
    """Each stays in the voucher log for more than a year."""
    vas = make(vouchers_per_day=3, voucher_reuse_minutes=0)
    vas.outside.fetching = vas.outside.probing = timedelta()
    for number in range(5):
        answer = _answer(vas, REQUEST, f"192.0.2.{number}")
        assert answer == ((200, None) if number < 3 else (429, str(86_400 - number * 60)))
        vas.outside.wait(60)
    assert vas.ask(REQUEST, "198.18.0.1").status_code == 200
    assert vas.rows() == (1, 4)


def test_strangers_who_name_themselves_beside_a_server_use_up_nothing_of_it(make: Make) -> None:
    """A server asks by one of its addresses for all; what a certificate is shown at by a relay is no server's own."""
    vas = make(address_requests_per_minute=1, own_requests_per_minute=3, vouchers_per_day=1, voucher_reuse_minutes=0)
    strangers = [f"198.18.9.{number}" for number in range(1, 4)]
    for stranger in map(address_octets, strangers[1:]):
        vas.outside.shown[stranger] = OTHER.chain_der
    asked = [replace(REQUEST, addresses=(address_octets(each), ONE, TWO)) for each in strangers]
    assert [vas.ask(each, who).status_code for each, who in zip(asked, strangers, strict=True)] == [200, 409, 409]
    assert vas.ask(REQUEST, "198.18.0.1").status_code == 200
    assert vas.ask(REQUEST, "198.18.0.1").status_code == 429  # its own voucher of the day is used up


def test_who_shows_nothing_himself_has_others_probed_within_their_limits_alone(make: Make) -> None:
    vas = make(address_requests_per_minute=2, certificate_requests_per_minute=1, voucher_reuse_minutes=0)
    for number in range(1, 9):
        stranger = address_octets(f"198.18.9.{number}")
        vas.outside.shown[stranger] = OTHER.chain_der
        vas.ask(replace(REQUEST, addresses=(stranger, ONE)), f"198.18.9.{number}")
        vas.ask(replace(REQUEST, addresses=(ONE,)), f"192.0.2.{number}")
    assert [address for address, *_ in vas.outside.probes].count(ONE) == 3


def test_a_server_shares_no_refusal_with_a_stranger_who_asks_for_the_same(make: Make) -> None:
    """The stranger's request is at work, and about to be refused, when the server's arrives."""
    vas = make(vouchers_per_day=1, voucher_reuse_minutes=0)
    answers: list[Answer] = []

    def follow(_: bytes) -> None:
        vas.outside.meanwhile = lambda _: None
        answers.append(pool.submit(_answer, vas, asked, "198.18.0.1").result(timeout=SECONDS))

    asked = replace(REQUEST, addresses=(ONE,))
    assert _answer(vas, asked, "192.0.2.1") == (200, None)
    vas.outside.meanwhile = follow
    with ThreadPoolExecutor(1) as pool:
        assert _answer(vas, asked, "192.0.2.1")[0] == 429
    assert answers == [(200, None)]


def test_too_many_at_work(make: Make) -> None:
    vas = make(parallel_requests=1)
    assert _meanwhile(vas, "192.0.2.99") == (503, "5")


def test_nobody_takes_all_slots(make: Make) -> None:
    vas = make(parallel_requests=3, voucher_reuse_minutes=0)
    assert _meanwhile(vas, "192.0.2.1") == (429, "5")
    assert _meanwhile(vas, "192.0.2.99") == (200, None)


def test_who_has_many_addresses_of_one_site_is_one_requester(make: Make) -> None:
    vas = make(parallel_requests=3, voucher_reuse_minutes=0)
    for near in ("2001:db8:5::2", "2001:db8:5:1::2", "2001:db8:5:100::2"):
        assert _meanwhile(vas, near, first="2001:db8:5::1") == (429, "5")
    assert _meanwhile(vas, "2001:db8:6::2", first="2001:db8:5::1") == (200, None)


def _meanwhile(vas: Vas, requester: str, first: str = "192.0.2.1") -> Answer:
    """Return what a requester is answered while a request of `first` is at work."""
    answers: list[Answer] = []

    def ask(address: bytes) -> None:
        if address == ONE:
            answers.append(_answer(vas, replace(REQUEST, addresses=(TWO,)), requester))

    vas.outside.meanwhile = ask
    assert _answer(vas, replace(REQUEST, addresses=(ONE,)), first) == (200, None)
    return answers[0]


def _answer(vas: Vas, asked: VoucherRequest, requester: str) -> Answer:
    response = vas.ask(asked, requester)
    return response.status_code, response.headers.get("Retry-After")


def test_who_follows_an_identical_request_waits_no_longer_than_its_own_deadline(vas: Vas) -> None:
    asked = replace(REQUEST, addresses=(ONE,))
    answers: list[Answer] = []

    def follow(_: bytes) -> None:
        vas.outside.tick = 31.0  # more than the deadline, at each look at the clock
        answers.append(pool.submit(_answer, vas, asked, "192.0.2.99").result(timeout=SECONDS))
        vas.outside.tick = 0.0

    vas.outside.meanwhile = follow
    with ThreadPoolExecutor(1) as pool:
        assert _answer(vas, asked, "192.0.2.1") == (200, None)
    assert answers == [(503, "5")]
