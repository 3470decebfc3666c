"""How much evidence is in memory at once: pieces that are kept, lists that are read."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from unittest.mock import Mock

import pytest

from mecai.evidence import Evidence, FetchError, memory
from mecai.evidence.memory import LISTS, Kept, Lists
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from tests.patience import SECONDS
from tests.pki import DAY, HOUR, NOW

STATUS = StatusEvidence(bytes(32), EvidenceMethod.OCSP, NOW, NOW + DAY, bytes(32))
HOSTS = [f"crl{number}.test" for number in range(3 * LISTS)]


def piece(number: int, octets: int) -> Evidence:
    return Evidence(replace(STATUS, certificate_hash=bytes([number]) * 32), bytes(octets), NOW + DAY)


def kept(memory: Kept, *numbers: int) -> list[int]:
    return [number for number in numbers if memory.recall(bytes([number]) * 32, NOW)]


def test_the_oldest_pieces_go_where_room_is_needed() -> None:
    pieces = Kept(HOUR, 40_000)
    for number, octets in ((1, 10_000), (2, 10_000), (1, 10_000), (3, 10_000)):
        pieces.remember(piece(number, octets), NOW)
    assert kept(pieces, 1, 2, 3) == [1, 2, 3]
    pieces.remember(piece(4, 10_000), NOW)
    assert kept(pieces, 1, 2, 3, 4) == [1, 3, 4]
    pieces.remember(piece(5, 50_000), NOW)
    assert kept(pieces, 1, 2, 3, 4, 5) == []
    pieces.remember(piece(6, 30_000), NOW)
    assert kept(pieces, 6) == [6]


def test_few_lists_are_read_at_once_by_few_threads() -> None:
    """All readers are here at once, and leave only together with as many others as there may be."""
    lists, together, lock = Lists(), threading.Barrier(LISTS, timeout=SECONDS), threading.Lock()
    inside: set[str] = set()
    threads: set[int] = set()
    most = 0

    def read(host: str) -> Evidence:
        nonlocal most
        with lock:
            inside.add(host)
            threads.add(threading.get_ident())
            most = max(most, len(inside))
        together.wait()
        with lock:
            inside.remove(host)
        return piece(1, 1)

    with ThreadPoolExecutor(len(HOSTS)) as pool:
        list(pool.map(lambda host: lists.read(host, partial(read, host)), HOSTS))
    assert (most, len(threads)) == (LISTS, LISTS)


def test_who_asks_of_a_slow_host_waits_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PATIENCE", 0.0)
    lists, good = Lists(), piece(1, 1)

    def meanwhile() -> Evidence:
        with pytest.raises(FetchError, match=r"slow\.test: too many other lists"):
            lists.read("slow.test", lambda: good)
        return lists.read("quick.test", lambda: good)

    assert lists.read("slow.test", meanwhile) is good
    assert lists.read("slow.test", lambda: good) is good


def test_a_turn_ends_whatever_comes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PATIENCE", 0.0)
    lists = Lists()
    for _ in range(2):
        with pytest.raises(FetchError, match="nothing there"):
            lists.read("crl.test", Mock(side_effect=FetchError("nothing there")))
