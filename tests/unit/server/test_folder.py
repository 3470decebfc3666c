"""What lies in a certificate's folder: taken if it is what its name says, named once in the log if not."""

import errno
import logging
import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from mecai.protocol.limits import LIMITS
from mecai.server import folder as module
from mecai.server.folder import Folder
from mecai.service import file_status
from tests.unit.server.shelf import IDS, Shelf, vouched, world

NOW = world.now


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "staples")
    shelf.put("birch")
    shelf.put_ocsp()
    return shelf


@pytest.fixture
def folder(shelf: Shelf) -> Folder:
    folder = Folder(shelf.path, world.site.der)
    folder.refresh(NOW)
    return folder


@pytest.fixture(autouse=True)
def _lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def authorities(folder: Folder) -> list[bytes]:
    return [item.authority for item in folder.vouchers]


def test_vouchers_and_staple_are_taken(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    assert authorities(folder) == [IDS["birch"]]
    assert folder.ocsp is not None
    assert folder.ocsp.der == world.staple
    assert caplog.messages == []


def test_what_is_added_and_removed_is_noticed(shelf: Shelf, folder: Folder) -> None:
    shelf.put("cedar")
    folder.refresh(NOW)
    assert set(authorities(folder)) == {IDS["birch"], IDS["cedar"]}
    (shelf.folder / "ocsp.der").unlink()
    shelf.put("birch").unlink()
    folder.refresh(NOW)
    assert (authorities(folder), folder.ocsp) == ([IDS["cedar"]], None)


FOREIGN = world.alder.server("another.example.test")
BAD = {
    "garbage": (b"\x30\x03\x02\x01\x00", "malformed"),
    "empty": (b"", "malformed"),
    "oversized": (b"\x30" * (LIMITS.voucher_size + 1), "more than 16384 octets"),
    "expired": (
        world.voucher(world.birch, this_update=NOW - timedelta(hours=2), next_update=NOW - timedelta(seconds=1)),
        "expired",
    ),
    "of another authority": (vouched("cedar"), "another Voucher Authority"),
    "for another certificate": (world.voucher(world.birch, site=FOREIGN), "another certificate"),
    "with a broken signature": (
        vouched("birch").replace(b"\x7f\x00\x00\x01", b"\x7f\x00\x00\x02"),
        "bad-signature",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_voucher_is_named_once_and_the_former_stays(
    shelf: Shelf, folder: Folder, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    octets, why = BAD[kind]
    former = folder.vouchers
    shelf.put("birch", octets)
    for _ in range(3):
        folder.refresh(NOW)
    assert folder.vouchers == former
    (line,) = caplog.messages
    assert re.search(rf"not served: .*{why}.*; what it held before stays in service", line)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_voucher_alone_is_not_served(shelf: Shelf, kind: str) -> None:
    shelf.put("birch", BAD[kind][0])
    fresh = Folder(shelf.path, world.site.der)
    fresh.refresh(NOW)
    assert fresh.vouchers == ()
    assert fresh.ocsp is not None


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"junk", "no OCSP response|not one OCSP response"),
        (world.alder.ocsp(FOREIGN), "no answer for this certificate"),
        (world.birch.ocsp(world.birch.server("www.example.test")), "no answer for this certificate"),
        (bytes.fromhex("30030a0106"), "unauthorized, not successful"),
        (b"\x30" * (LIMITS.ocsp_staple_size + 1), "more than 16380 octets"),
    ],
)
def test_a_bad_staple_is_not_served(shelf: Shelf, octets: bytes, why: str, caplog: pytest.LogCaptureFixture) -> None:
    shelf.put_ocsp(octets)
    fresh = Folder(shelf.path, world.site.der)
    fresh.refresh(NOW)
    assert (authorities(fresh), fresh.ocsp) == ([IDS["birch"]], None)
    assert re.search(why, caplog.messages[0])


def test_what_is_not_valid_yet_is_taken_when_its_time_has_come(shelf: Shelf) -> None:
    """The server's clock was behind: no new file is needed."""
    folder = Folder(shelf.path, world.site.der)
    folder.refresh(NOW - timedelta(hours=1))
    assert folder.vouchers == ()
    folder.refresh(NOW)
    assert authorities(folder) == [IDS["birch"]]


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder"])
def test_what_is_no_file_is_not_opened(shelf: Shelf, kind: str, tmp_path: Path) -> None:
    path = shelf.put("birch")
    outside = shutil.move(path, tmp_path / "outside.voucher")
    {"symlink": lambda: path.symlink_to(outside), "fifo": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    folder = Folder(shelf.path, world.site.der)
    folder.refresh(NOW)
    assert folder.vouchers == ()
    assert folder.ocsp is not None


def test_other_names_are_passed_over(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    for name in (".birch.voucher.tmp", "0123.voucher", "README", f"{IDS['birch'].hex()}.voucher.old"):
        (shelf.folder / name).write_bytes(b"?")
    (shelf.folder / f"{IDS['birch'].hex()}-second.voucher").write_bytes(vouched("birch"))
    folder = Folder(shelf.path, world.site.der)
    folder.refresh(NOW)
    assert authorities(folder) == [IDS["birch"]] * 2
    assert caplog.messages == []


def test_a_folder_that_vanishes_takes_all_along_and_may_return(
    shelf: Shelf, folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.move(shelf.folder, shelf.path / "away")
    for _ in range(3):
        folder.refresh(NOW)
    assert (folder.vouchers, folder.ocsp) == ((), None)
    assert caplog.messages == ["nothing is stapled: No such file or directory"]
    shutil.move(shelf.path / "away", shelf.folder)
    folder.refresh(NOW)
    assert authorities(folder) == [IDS["birch"]]


def test_a_folder_that_is_a_link_is_not_followed(shelf: Shelf, folder: Folder) -> None:
    shutil.move(shelf.folder, shelf.path / "away")
    shelf.folder.symlink_to(shelf.path / "away")
    folder.refresh(NOW)
    assert folder.vouchers == ()


@pytest.fixture
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every change show at once: what has not changed is not looked at for that."""
    monkeypatch.setattr(file_status, "_TICK_NS", -3_600_000_000_000)


def failing(number: int) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.usefixtures("_settled")
@pytest.mark.parametrize("call", ["open", "scandir", "lstat"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EIO])
def test_what_cannot_be_read_for_once_is_read_when_it_can(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str, number: int
) -> None:
    """What was read before stays meanwhile."""
    shelf = Shelf(folder._path.parent)
    renewed, before = world.voucher(world.birch), folder.vouchers
    shelf.put("cedar")
    shelf.put("birch", renewed)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        for _ in range(3):
            folder.refresh(NOW)
    assert folder.vouchers == before
    assert len(set(caplog.messages)) == len(caplog.messages)
    assert all(os.strerror(number) in message for message in caplog.messages)
    folder.refresh(NOW)
    assert {item.der for item in folder.vouchers} == {renewed, vouched("cedar")}


@pytest.mark.usefixtures("_settled")
def test_a_file_that_nobody_may_read_is_not_opened_until_it_changes(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder(shelf.path, world.site.der)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing(errno.EACCES))
        folder.refresh(NOW)
    folder.refresh(NOW)
    assert folder.vouchers == ()
    assert [os.strerror(errno.EACCES) in message for message in caplog.messages] == [True, True]  # voucher and staple
    (shelf.folder / f"{IDS['birch'].hex()}.voucher").chmod(0o640)
    folder.refresh(NOW)
    assert authorities(folder) == [IDS["birch"]]


def test_a_folder_that_nobody_may_read_is_as_one_that_is_gone(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "scandir", failing(errno.EACCES))
    folder.refresh(NOW)
    assert (folder.vouchers, folder.ocsp) == ((), None)
    assert caplog.messages == ["nothing is stapled: Permission denied"]


@pytest.mark.usefixtures("_settled")
def test_a_settled_folder_is_not_read_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    old = (NOW - timedelta(hours=1)).timestamp()
    os.utime(shelf.folder, (old, old))
    folder = Folder(shelf.path, world.site.der)
    folder.refresh(NOW)
    monkeypatch.setattr(os, "scandir", None)
    folder.refresh(NOW)
    assert authorities(folder) == [IDS["birch"]]


def test_no_more_than_256_vouchers_are_held(shelf: Shelf) -> None:
    for number in range(300):
        (shelf.folder / f"{IDS['birch'].hex()}-{number}.voucher").symlink_to("nowhere")
    folder = Folder(shelf.path, world.site.der)
    folder.refresh(NOW)
    assert len(folder._files) == module.MOST_FILES + 1
