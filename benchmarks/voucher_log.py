"""What the log of a VAS costs on PostgreSQL with 2 million certificates, against a twentieth of that.

MECAI_BENCH_CERTIFICATES=20000000 measures with 20 million against 1 million: that takes 25 GB of disk in the folder for
temporary files, and half an hour or more. The store's own functions are timed, by the clock on the wall, for most of
their time is PostgreSQL's, in turns, one call each, so that whatever else the machine does hits both alike. `value` and
`ratio` are of the slowest hundredth, which may take 1.5 times as long; `typical` is the median of the ratios of
neighbouring calls.

Every statement that was executed, those of the sweeps too, is then explained: none may read a filled table from one end
to the other.
"""

import os
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any, Final

from sqlalchemy import Engine

from benchmarks.filled_log import TABLES, certificate_hash, filled_logs, sizes
from benchmarks.measure import Result, summary
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.service.database import reading
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.complaints import ComplaintLog, Objection
from mecai.vas.storage.mails import Mails
from mecai.vas.storage.outbox import Outbox
from mecai.vas.storage.reports import ReportLog
from mecai.vas.storage.review import review
from mecai.vas.storage.vouchers import VoucherLog
from tests.pki import Hierarchy
from tests.scene import Scene
from tests.statements import asked as statements_of

RUNS: Final = 1500
CERTIFICATES: Final = int(os.environ.get("MECAI_BENCH_CERTIFICATES", "2000000"))
TIMES: Final = 20  # as many as in the small log
SLOWER: Final = 1.5  # that the slowest hundredth may be
_WARM_UP: Final = 100
_MIB: Final = 1 << 20
_REQUESTER: Final = "192.0.2.1"
_SITES: Final = Hierarchy("alder")
_SEED: Final = 20261127

Work = Callable[[], object]


@dataclass(frozen=True)
class Log:
    """A filled database, and what is asked of it; each call asks for another certificate."""

    engine: Engine
    certificates: int
    numbers: random.Random

    def works(self) -> dict[str, Work]:
        """Return what is timed."""
        log, vouchers = CertificateLog(self.engine), VoucherLog(self.engine, timedelta(days=400))
        unseen, infos = self._unseen(), self._infos()
        return {
            "known certificate looked up": lambda: log.find(self._known()),
            "unknown certificate looked up": lambda: log.find(self.numbers.randbytes(32)),
            "certificate seen for the first time": lambda: log.sight(next(unseen), _REQUESTER, _now()),
            "certificate seen again": lambda: log.sight(self._seen, _REQUESTER, _now()),
            "voucher logged": lambda: vouchers.record(next(infos), bytes(2048), _REQUESTER, ["vas"]),
        }

    def sweep(self) -> None:
        """Do what servers, workers and operators do now and then."""
        now, name = _now(), self._known()
        log, outbox, mails, complaints = (each(self.engine) for each in (CertificateLog, Outbox, Mails, ComplaintLog))
        outbox.take(now, ["no such kind"])
        outbox.next_due(["first-sight", "mail"])
        outbox.waiting()
        ReportLog(self.engine).sweep(now)
        log.with_key(name, 6)
        log.for_domain("host-7.example.test", 10)
        log.held(now - timedelta(days=3))
        log.release(name, now, "renewal")
        mails.known_contacts("host-7.example.test", now - timedelta(days=400))
        complaints.keep(Objection(self._seen.hashes[0], "host-7.example.test", _REQUESTER), now)
        complaints.listed()
        review(self.engine, 20)
        review(self.engine, 1, name)

    def _known(self) -> bytes:
        return certificate_hash(self.numbers.randint(1, self.certificates))

    @cached_property
    def _seen(self) -> VoucherRequest:
        return next(self._unseen())

    def _unseen(self) -> Iterator[VoucherRequest]:
        for number in count():
            site = _SITES.server(f"host-{number}.{self.numbers.randbytes(4).hex()}.example.test")
            yield VoucherRequest(site.der, site.chain_der[1:], (bytes((198, 51, 100, 1)),), 443)

    def _infos(self) -> Iterator[VoucherInfo]:
        scene = Scene()
        info = scene.info(scene.birch)
        while True:
            name, serial, now = self._known(), 1 + self.numbers.getrandbits(120), _now()
            statuses = (replace(info.status_evidence[0], certificate_hash=name), *info.status_evidence[1:])
            changes = {"certificate_hash": name, "serial_number": serial, "status_evidence": statuses}
            yield replace(info, this_update=now, next_update=now + timedelta(days=1), **changes)


def run() -> list[Result]:
    """Fill both, and measure."""
    few = max(CERTIFICATES // TIMES, 1)
    with filled_logs((few, CERTIFICATES)) as engines:
        small, large = (
            Log(engine, size, random.Random(_SEED))  # noqa: S311 - no secret is drawn
            for engine, size in zip(engines, (few, CERTIFICATES), strict=True)
        )
        timed = [_timed(name, work, small.works()[name], few) for name, work in large.works().items()]
        return [*timed, _explained(large), *_weighed(small, large)]


def _timed(name: str, work: Work, other: Work, few: int) -> Result:
    """Time one call of each in turns."""
    pairs = [(_microseconds(work), _microseconds(other)) for _ in range(RUNS + _WARM_UP)][_WARM_UP:]
    times, other_times = zip(*pairs, strict=True)
    (middle, slowest), (_, others_slowest) = map(_middle_and_slowest, (times, other_times))
    typical, spread, error = summary([theirs / ours for ours, theirs in pairs])
    against = f"{SLOWER} times that with {few:,}, {others_slowest:.0f} µs; median {middle:.0f} µs"
    ratio = round(SLOWER * others_slowest / slowest, 3)
    return Result(f"{name}, {CERTIFICATES:,}", round(slowest), "µs", ratio, against, spread, RUNS, typical, 1, error)


def _microseconds(work: Work) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e6


def _middle_and_slowest(times: tuple[float, ...]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _explained(log: Log) -> Result:
    """Do everything once, and count the statements that read a filled table from end to end."""
    with statements_of(log.engine) as statements:
        for work in (*log.works().values(), log.sweep):
            work()
    executed = {
        each: its[0] if isinstance(its, list) and its and isinstance(its[0], dict) else its
        for each, its in reversed(statements)
    }
    asked = {each: its for each, its in executed.items() if each.split()[0] in {"SELECT", "UPDATE", "DELETE", "INSERT"}}
    slow = [each for each, parameters in asked.items() if _reads_all(log.engine, each, parameters)]
    for statement in slow:
        print(f"reads a whole table: {' '.join(statement.split())}")
    found, against = len(slow), f"none; {len(asked)} were explained"
    return Result("statements that read a whole table", found, "", float(not found), against, 0, 1, float(not found), 1)


def _reads_all(engine: Engine, statement: str, parameters: Any) -> bool:  # noqa: ANN401 - as the driver takes them
    with reading(engine) as connection:
        # A `Statement` numbers its parameters: here they are written as psycopg reads them.
        named = re.sub(r"\$(\d+)", r"%(p\1)s", statement) if isinstance(parameters, list) else statement
        if isinstance(parameters, list):
            parameters = {f"p{place}": value for place, value in enumerate(parameters, 1)}
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {named}", parameters).scalar_one()
    return any(node["Node Type"] == "Seq Scan" and node["Relation Name"] in TABLES for node in _nodes(plan[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from _nodes(part)


def _weighed(small: Log, large: Log) -> list[Result]:
    """Return the sizes of tables and indexes, by how much they grow with the certificates."""
    before = sizes(small.engine)
    found = {name: octets for name, octets in sizes(large.engine).items() if octets > _MIB and name in before}
    growth = large.certificates / small.certificates
    return [
        Result(
            name, round(octets / _MIB), "MiB", ratio, f"{before[name] / _MIB:.0f} MiB, times {growth:g}", 0, 1, ratio
        )
        for name, octets in found.items()
        for ratio in (round(growth * before[name] / octets, 3),)
    ]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
