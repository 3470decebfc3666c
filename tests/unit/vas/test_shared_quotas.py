"""Counts that nodes share (docs/spec R9): each node is a `Quota` of its own, and all have one database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, event, func, select

from mecai.service.database import clock_of
from mecai.vas.admission.quotas import MINUTE, Quota
from mecai.vas.refusal import Refusal
from mecai.vas.storage.quotas import Counted, QuotaLog
from mecai.vas.storage.tables import QUOTAS
from tests.pki import HOUR, NOW
from tests.unit.vas.outside import REQUEST, Make

LIMIT = 64
ALONE = LIMIT // 8  # that each node counts by itself
WINDOW = timedelta(seconds=MINUTE.seconds)
KEY = "192.0.2.1"
SECOND = timedelta(seconds=1)


@dataclass
class Time:
    """The database's clock, and the monotonic one of some nodes."""

    now: datetime = NOW
    seconds: float = 0.0

    def wait(self, seconds: float) -> None:
        """Let them go on."""
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class Nodes:
    """Makes nodes on one database, and counts what they ask of it."""

    engine: Engine
    time: Time = field(default_factory=Time)
    statements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        event.listen(self.engine, "before_cursor_execute", self._note)

    def _note(self, *seen: object) -> None:
        statement = str(seen[2])
        if "quotas" in statement:
            self.statements.append(statement)

    def node(self, limit: int = LIMIT, name: str = "requester") -> Quota:
        """Start a node."""
        log = QuotaLog(self.engine, lambda _: self.time.now)
        return Quota(name, limit, log.add, lambda: self.time.seconds)


@pytest.fixture
def nodes(engine: Engine) -> Nodes:
    return Nodes(engine)


def let_in(node: Quota, times: int, key: str = KEY) -> int:
    """Ask so many times; return how many were let in."""
    return sum(1 for _ in range(times) if is_let_in(lambda: node.take_all([key])))


def is_let_in(take: Callable[[], None]) -> bool:
    try:
        take()
    except Refusal:
        return False
    return True


def test_one_node_lets_in_what_its_limit_says(nodes: Nodes) -> None:
    assert let_in(nodes.node(), 2 * LIMIT) == LIMIT


def test_what_is_seldom_asks_the_database_nothing(nodes: Nodes) -> None:
    node = nodes.node()
    for number in range(100):
        assert let_in(node, ALONE, f"192.0.2.{number}") == ALONE
    assert nodes.statements == []


@pytest.mark.parametrize("count", [2, 3, 5])
def test_nodes_that_are_asked_in_turn_let_in_no_more_than_one(nodes: Nodes, count: int) -> None:
    every = [nodes.node() for _ in range(count)]
    assert sum(let_in(each, 1) for _ in range(LIMIT) for each in every) == LIMIT


@pytest.mark.parametrize("count", [2, 3, 5])
def test_nodes_that_are_asked_one_after_the_other_let_in_an_eighth_more_each(nodes: Nodes, count: int) -> None:
    assert sum(let_in(nodes.node(), 2 * LIMIT) for _ in range(count)) == LIMIT + (count - 1) * ALONE


def test_what_was_counted_beside_a_key_that_is_refused_is_told_later(nodes: Nodes) -> None:
    """Else each such request would hide from the other nodes what it counted."""
    node = nodes.node()
    let_in(node, LIMIT, "exhausted")
    for _ in range(ALONE + 1):
        assert not is_let_in(lambda: node.take_all([KEY, "exhausted"]))
    assert let_in(node, 1) == 1
    with nodes.engine.connect() as connection:
        told = connection.execute(select(QUOTAS.c.count).where(QUOTAS.c.key == f"requester {KEY}")).scalar_one()
    assert told == ALONE + 2


def test_a_node_that_starts_anew_knows_what_was_counted(nodes: Nodes) -> None:
    let_in(nodes.node(), LIMIT)
    assert let_in(nodes.node(), LIMIT) == ALONE


def test_who_is_refused_asks_the_database_once(nodes: Nodes) -> None:
    let_in(nodes.node(), LIMIT)
    node = nodes.node()
    let_in(node, ALONE + 1)
    before = len(nodes.statements)
    assert let_in(node, 100) == 0
    assert len(nodes.statements) == before


def test_the_next_window_knows_nothing_of_it_and_refusals_say_when_that_is(nodes: Nodes) -> None:
    first, second = nodes.node(), nodes.node()
    let_in(first, LIMIT)
    nodes.time.wait(50)
    let_in(second, ALONE)
    with pytest.raises(Refusal, match=f"more than {LIMIT} requests in a minute: {KEY}") as caught:
        second.take_all([KEY])
    assert caught.value.retry == timedelta(seconds=10)
    nodes.time.wait(9)
    assert let_in(second, 1) == 0
    nodes.time.wait(1)
    assert let_in(second, 1) == 1
    assert let_in(first, LIMIT) == LIMIT - 1


def test_quotas_of_other_names_and_other_keys_are_others(nodes: Nodes) -> None:
    let_in(nodes.node(), LIMIT)
    assert let_in(nodes.node(), 1, "192.0.2.2") == 1
    assert let_in(nodes.node(name="own"), LIMIT) == LIMIT


def test_networks_are_told_by_their_own_limits(nodes: Nodes) -> None:
    """Of a /64 so many, of a /56 four times as many, from whichever node."""
    every = [nodes.node(8), nodes.node(8)]
    sites = [f"2001:db8:0:{number:x}::1" for number in range(16)]
    taken = [is_let_in(lambda site=site, node=node: node.take_requester(site)) for site in sites for node in every * 4]
    assert sum(taken) == 4 * 8


def test_a_clock_that_was_ahead_and_was_set_back_keeps_nobody_out(nodes: Nodes) -> None:
    nodes.time.now += HOUR
    let_in(nodes.node(), LIMIT)
    nodes.time.now -= HOUR
    assert let_in(nodes.node(), LIMIT) == LIMIT


def test_windows_are_measured_by_the_databases_clock(engine: Engine) -> None:
    with engine.connect() as connection:
        before = clock_of(connection)
    counted = [QuotaLog(engine).add({KEY: 2}, HOUR)[KEY] for _ in range(2)]
    with engine.connect() as connection:
        spent = clock_of(connection) - before
        ends = connection.execute(select(QUOTAS.c.ends)).scalar_one()
    assert [each.count for each in counted] == [2, 4]
    assert HOUR - spent - SECOND <= counted[1].left <= HOUR
    assert before - SECOND <= ends - HOUR <= before + spent


def test_a_node_whose_clock_is_wrong_ends_no_window_of_the_others(make: Make) -> None:
    """It vouches for nothing, but it counts."""
    one, other = (make(requests_per_minute=16) for _ in range(2))
    for ahead in (HOUR, -2 * HOUR):
        other.outside.now += ahead
        other.outside.ahead += ahead
        assert other.ask().status_code == 503
    asked = [node.ask(b"").status_code for _ in range(10) for node in (one, other)]
    assert asked == [400] * 14 + [429] * 6


def test_what_is_over_is_dropped(nodes: Nodes, engine: Engine) -> None:
    log = QuotaLog(engine, lambda _: nodes.time.now)
    for number in range(5):
        assert log.add({f"key {number}": 2}, WINDOW) == {f"key {number}": Counted(2, WINDOW)}
    nodes.time.wait(60)
    log.add({"another": 1}, WINDOW)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(QUOTAS)).scalar_one() == 1


def test_nodes_that_count_at_the_same_moment_lose_nothing_and_block_nobody(engine: Engine) -> None:
    """Keys in opposite orders: who held one and waited for the other would be shot by the database."""
    keys = [f"key {number}" for number in range(200)]
    logs = [QuotaLog(engine, lambda _: NOW) for _ in range(4)]
    start = Barrier(len(logs), timeout=60)

    def count(place: int) -> None:
        start.wait()
        for _ in range(3):
            logs[place].add(dict.fromkeys(keys[:: -1 if place % 2 else 1], 1), WINDOW)

    with ThreadPoolExecutor(len(logs)) as pool:
        list(pool.map(count, range(len(logs))))
    counted = logs[0].add(dict.fromkeys(keys, 1), WINDOW)
    assert {each.count for each in counted.values()} == {13}


def test_two_servers_share_the_day_of_a_certificate(make: Make) -> None:
    """The tests above are of one quota; here all are put together."""
    one, other = (make(vouchers_per_day=4, voucher_reuse_minutes=0) for _ in range(2))
    asked = [node.ask(REQUEST, f"192.0.2.{number}").status_code for number in range(3) for node in (one, other)]
    assert asked == [200] * 4 + [429] * 2
    assert one.ask(REQUEST, "198.18.0.1").status_code == 200  # its server's own


def test_a_database_that_fails_lets_in_nobody_whom_it_would_have_to_count(make: Make) -> None:
    vas = make(requests_per_minute=16)
    QUOTAS.drop(vas.server.engine)
    assert [vas.ask(b"").status_code for _ in range(4)] == [400, 400, 503, 503]
