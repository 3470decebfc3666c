"""Cached vouchers in a file: what two programs, a crash, and whoever writes there can do to it."""

import logging
import multiprocessing
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mecai.client import cache_file
from mecai.client.cache_file import VoucherFile
from mecai.protocol.objects.voucher import parse_voucher
from tests.patience import SECONDS
from tests.scene import HOST
from tests.unit.client.killed import kill_at_work
from tests.unit.client.world import World

world = World()
VOUCHERS = tuple(parse_voucher(world.local_voucher(name)) for name in ("birch", "cedar", "dogwood"))
BIRCH, CEDAR, DOGWOOD = VOUCHERS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "vouchers.sqlite3"


def test_another_program_finds_what_passed_the_oldest_first(path: Path) -> None:
    VoucherFile(path).settle(HOST, (), (BIRCH, CEDAR))
    VoucherFile(path).settle(HOST, (), (DOGWOOD,))
    assert VoucherFile(path).held(HOST) == VOUCHERS
    assert VoucherFile(path).held("other.example.test") == ()


def test_what_was_named_and_did_not_pass_is_forgotten(path: Path) -> None:
    file = VoucherFile(path)
    file.settle(HOST, (), VOUCHERS)
    file.settle(HOST, (BIRCH, CEDAR), (CEDAR,))
    assert file.held(HOST) == (DOGWOOD, CEDAR)


def test_nobody_else_may_read_it(path: Path) -> None:
    VoucherFile(path).settle(HOST, (), VOUCHERS)
    assert [each.stat().st_mode & 0o777 for each in (path, path.parent)] == [0o600, 0o700]


def test_names_and_vouchers_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_file, "NAMES", 2)
    file = VoucherFile(path)
    for name in ("a.test", "b.test", "a.test", "c.test"):
        file.settle(name, (), (BIRCH,))
    assert [len(file.held(name)) for name in ("a.test", "b.test", "c.test")] == [1, 0, 1]
    more = [parse_voucher(world.voucher(world.birch, serial_number=number)) for number in range(1, 19)]
    file.settle(HOST, (), more)
    assert file.held(HOST) == tuple(more[-16:])


def test_what_is_broken_is_made_anew(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    VoucherFile(path).settle(HOST, (), VOUCHERS)
    for content in (b"", path.read_bytes()[:200], path.read_bytes()[:5000]):
        path.write_bytes(content)
        file = VoucherFile(path)
        assert file.held(HOST) == ()
        file.settle(HOST, (), VOUCHERS)
        assert VoucherFile(path).held(HOST) == VOUCHERS
    assert not caplog.records


OTHERS = {
    "a text": b"this is no database" * 100,
    "a key": bytes(range(32)),
    "another program's database": b"SQLite format 3\x00" + bytes(200),
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_what_is_no_cache_stays_as_it_is(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    file = VoucherFile(path)
    file.settle(HOST, (), VOUCHERS)
    assert file.held(HOST) == ()
    assert path.read_bytes() == content
    (record,) = caplog.records
    assert "it is no cache of vouchers; name another file" in record.message


def test_what_others_may_read_is_not_used(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    VoucherFile(path).settle(HOST, (), VOUCHERS)
    path.chmod(0o644)
    assert VoucherFile(path).held(HOST) == ()
    assert "others may read or write it (mode 644); chmod 600 it" in caplog.text


def test_a_database_whose_pages_are_overwritten_is_made_anew(path: Path) -> None:
    VoucherFile(path).settle(HOST, (), VOUCHERS)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    file = VoucherFile(path)
    assert file.held(HOST) == ()
    file.settle(HOST, (), VOUCHERS)
    assert file.held(HOST) == VOUCHERS


def test_a_cache_of_another_version_is_made_anew(path: Path) -> None:
    VoucherFile(path).settle(HOST, (), ())
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE voucher")
        other.execute("CREATE TABLE voucher (something)")
        other.execute("PRAGMA user_version = 7")
    other.close()
    VoucherFile(path).settle(HOST, (), VOUCHERS)
    assert VoucherFile(path).held(HOST) == VOUCHERS


def test_rows_that_are_no_vouchers_are_passed_over(path: Path) -> None:
    VoucherFile(path).settle(HOST, (), (BIRCH,))
    with sqlite3.connect(path) as other:
        for number, der in enumerate((b"", b"junk", BIRCH.der[:-1], bytes(1 << 20))):
            other.execute("INSERT INTO voucher (name, hash, der) VALUES (?, ?, ?)", (HOST, bytes([number]), der))
    other.close()
    assert VoucherFile(path).held(HOST) == (BIRCH,)


def test_a_file_that_cannot_be_used_costs_nothing_else(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.mkdir(parents=True)
    file = VoucherFile(path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            file.settle(HOST, (), VOUCHERS)
            assert file.held(HOST) == ()
    assert [record.message.partition(":")[0] for record in caplog.records] == [str(path)]


def test_whoever_holds_the_file_for_long_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cache_file, "PATIENCE", 0.01)
    file = VoucherFile(path)
    file.settle(HOST, (), (BIRCH,))
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    file.settle(HOST, (), (CEDAR,))
    assert file.held(HOST) == ()
    other.rollback()
    other.close()
    assert file.held(HOST) == (BIRCH,)
    assert "locked" in caplog.text


def test_a_fork_opens_the_file_for_itself(path: Path) -> None:
    file = VoucherFile(path)
    file.settle(HOST, (), (BIRCH,))
    child = multiprocessing.get_context("fork").Process(target=file.settle, args=(HOST, (), (CEDAR,)))
    child.start()
    child.join(SECONDS)
    assert child.exitcode == 0
    assert file.held(HOST) == (BIRCH, CEDAR)


def test_a_program_that_is_killed_at_work_leaves_what_was_there(path: Path) -> None:
    VoucherFile(path).settle(HOST, (), VOUCHERS)
    row = "INSERT INTO voucher (name, hash, der) VALUES ('x', CAST(? AS BLOB), zeroblob(16000))"
    kill_at_work(path, "DELETE FROM voucher", row)
    assert path.with_name(f"{path.name}-journal").exists()
    assert VoucherFile(path).held(HOST) == VOUCHERS


def test_programs_at_once_lose_nothing_of_each_other(path: Path) -> None:
    VoucherFile(path).settle(HOST, (), ())
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from mecai.client import cache_file
        from mecai.protocol.objects.voucher import parse_voucher
        cache_file.PATIENCE = {SECONDS}
        voucher = parse_voucher(bytes.fromhex({BIRCH.der.hex()!r}))
        file = cache_file.VoucherFile(Path({str(path)!r}))
        for number in range(5):
            file.settle(f"{{sys.argv[1]}}{{number}}.test", (), (voucher,))
    """)
    programs = [subprocess.Popen([sys.executable, "-c", program, name]) for name in "abc"]
    assert [each.wait(SECONDS) for each in programs] == [0, 0, 0]
    assert {len(VoucherFile(path).held(f"{name}{number}.test")) for name in "abc" for number in range(5)} == {1}
