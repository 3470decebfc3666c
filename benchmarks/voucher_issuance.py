"""What a voucher costs a VAS, and what a refused request does, against bare TLS handshakes.

One worker of gunicorn, evidence cached, PostgreSQL, a real nginx as target, distinct requests (`vas_service`).
Time is processor time: of the worker, whatever thread of it works, against that of this thread, which shakes hands with
the same nginx by OpenSSL. PostgreSQL and nginx are others' time; a core that serves them too makes fewer vouchers.

A bare handshake with one P-256 signature is what no VA can do without. What is refused is held against the handshake
alone, three times of which it may cost. How long a request takes with 32 at once is by the clock on the wall, and holds
the slowest hundredth against the median; it includes what the clients' threads wait for each other.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.measure import Result, Work, paired
from benchmarks.refusals import Refused, refused
from benchmarks.vas_service import Measured, bare_handshake, service

RUNS: Final = 400
AT_ONCE: Final = 32
TOGETHER: Final = 2_000  # requests, so many at once
STEADY: Final = 20_000  # vouchers over which memory stays where it is
REQUIRED: Final = 0.5
DEAREST: Final = 3  # handshakes that a refused request may cost
SLOWEST: Final = 4  # times the median that the slowest hundredth may take
GROWTH: Final = 1.05  # of memory that is taken for none: allocators keep a few pages


def run() -> list[Result]:
    """Bring everything up, and measure."""
    with service() as measured, ExitStack() as stack:
        shake, sign = bare_handshake(), _signature()

        def floor() -> None:
            shake()
            sign()

        against = "a bare handshake and a signature"
        voucher = _paired(measured, "voucher", measured.asking(), floor, against, required=REQUIRED)
        together, memory = _together(measured), _memory(measured)
        return [voucher, together, memory, *(_refused(each, shake) for each in refused(stack, measured))]


def _refused(each: Refused, shake: Work) -> Result:
    work, name = each.node.asking(each.asked, *each.statuses), f"refused: {each.name}"
    return _paired(each.node, name, work, shake, "a bare handshake", required=round(1 / DEAREST, 3))


def _paired(measured: Measured, name: str, work: Work, other: Work, against: str, *, required: float) -> Result:
    clock = measured.processor_time
    return paired(
        name, work, other, against, required=required, runs=RUNS, clock=clock, other_clock=time.thread_time_ns
    )


def _signature() -> Work:
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    return lambda: key.sign(bytes(300), algorithm)


def _together(measured: Measured) -> Result:
    """Time requests while others are at work, each of another requester: one alone has a third of what is at work."""

    def timed(place: int) -> float:
        body, requester = measured.requests[place % len(measured.requests)], f"127.{100 + place % AT_ONCE}.0.1"
        begin = time.perf_counter()
        if (status := measured.ask(body, requester)) != HTTPStatus.OK:
            raise RuntimeError(f"the VAS answered {status}, expected 200")
        return (time.perf_counter() - begin) * 1e6

    with ThreadPoolExecutor(AT_ONCE) as pool:
        times = list(pool.map(timed, range(min(TOGETHER, RUNS * 5))))
    median, slowest = statistics.median(times), statistics.quantiles(times, n=100)[98]
    ratio = round(SLOWEST * median / slowest, 3)
    name = f"slowest hundredth, {AT_ONCE} at once"
    return Result(
        name, round(slowest), "µs", ratio, f"{SLOWEST} times the median, {median:.0f} µs", 0, len(times), ratio, 1
    )


def _memory(measured: Measured) -> Result:
    """Compare the worker's memory after a tenth of many vouchers with that after all."""
    work, count = measured.asking(), min(STEADY, RUNS * 50)
    seen: list[int] = []
    for part in (count // 10, count - count // 10):
        for _ in range(part):
            work()
        seen.append(measured.memory())
    ratio = round(GROWTH * seen[0] / seen[1], 3)
    against = f"{GROWTH} times that after {count // 10}, {seen[0]} KiB"
    return Result(f"memory after {count} vouchers", seen[1], "KiB", ratio, against, 0, 1, ratio, 1)
