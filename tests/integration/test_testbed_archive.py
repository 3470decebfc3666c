"""Archives of labs: what was packed comes back as it was, and nothing else comes out of one."""

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from testbed.machine import archive, tools

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="files of hosts have owners and devices, which root alone can make"
)

TOPS = ("hosts", "ssh")
Make = Callable[[tarfile.TarFile], None]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return the folder of a lab with one host: a secret, a link, a deleted file, a folder that hides the one below."""
    folder = tmp_path / "lab"
    upper = folder / "hosts" / "a" / "upper"
    (upper / "etc").mkdir(parents=True)
    (folder / archive.HEADER).write_text("what it is")
    (upper / "etc" / "key").write_text("secret")
    (upper / "etc" / "key").chmod(0o640)
    os.chown(upper / "etc" / "key", 1234, 4321)
    (upper / "etc" / "link").symlink_to("/run/anywhere")
    os.mknod(upper / "gone", stat.S_IFCHR | 0o000, os.makedev(0, 0))
    os.setxattr(upper / "etc", "trusted.overlay.opaque", b"y")
    os.setxattr(upper / "etc", "trusted.overlay.origin", b"of another disk")
    (folder / "hosts" / "other").mkdir()
    return folder


def packed(lab: Path, file: Path) -> Path:
    archive.pack(file, {lab: [archive.HEADER, "hosts/a"]})
    return file


def crafted(file: Path, make: Make, header: str = archive.HEADER) -> Path:
    """Write an archive by hand."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as writer:
        add(writer, header, b"{}")
        make(writer)
    packed = subprocess.run(["zstd", "-q", "-c"], input=content.getvalue(), capture_output=True, check=True)
    file.write_bytes(packed.stdout)
    return file


def add(writer: tarfile.TarFile, name: str, content: bytes = b"", **properties: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in properties.items():
        setattr(member, key, value)
    writer.addfile(member, io.BytesIO(content))


def test_what_was_packed_comes_back_as_it_was(lab: Path, tmp_path: Path) -> None:
    file, target = packed(lab, tmp_path / "x.tar.zst"), tmp_path / "target"
    assert archive.header(file) == "what it is"
    target.mkdir()
    archive.unpack(file, target, TOPS)

    upper = target / "hosts" / "a" / "upper"
    key = (upper / "etc" / "key").stat()
    assert (upper / "etc" / "key").read_text() == "secret"
    assert (key.st_uid, key.st_gid, stat.S_IMODE(key.st_mode)) == (1234, 4321, 0o640)
    assert (upper / "etc" / "link").readlink() == Path("/run/anywhere")
    gone = (upper / "gone").stat()
    assert (stat.S_ISCHR(gone.st_mode), gone.st_rdev) == (True, 0)
    assert os.listxattr(upper / "etc") == ["trusted.overlay.opaque"]
    assert not (target / "hosts" / "other").exists()


def test_any_name_comes_back(lab: Path, tmp_path: Path) -> None:
    """Also one that looks like two in what tar says of a member."""
    upper, target = lab / "hosts" / "a" / "upper", tmp_path / "target"
    odd = ['x" link to "y', 'x" -> "y', "two\nlines", "back\\slash", "\N{SNOWMAN}", "a  b "]
    for name in odd:
        (upper / name).write_text(name)
    (upper / "twin").hardlink_to(upper / odd[0])
    file = packed(lab, tmp_path / "x.tar.zst")
    target.mkdir()
    archive.unpack(file, target, TOPS)
    assert [(target / "hosts" / "a" / "upper" / name).read_text() for name in [*odd, "twin"]] == [*odd, odd[0]]


def test_only_this_user_may_read_it(lab: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = packed(lab, tmp_path / "x.tar.zst")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_waits_for_the_archive_is_not_written_to(lab: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / ".x.tar.zst.new").symlink_to(victim)
    packed(lab, tmp_path / "x.tar.zst")
    assert victim.read_text() == "untouched"


def test_a_full_disk_keeps_the_older_archive_and_leaves_nothing_half(lab: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    tools.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk])
    try:
        packed(lab, disk / "x.tar.zst")
        before = (disk / "x.tar.zst").read_bytes()
        (lab / "hosts" / "a" / "upper" / "large").write_bytes(os.urandom(1 << 20))
        with pytest.raises(HostError, match="the disk is full: make room"):
            packed(lab, disk / "x.tar.zst")
        assert [path.name for path in disk.iterdir()] == ["x.tar.zst"]
        assert (disk / "x.tar.zst").read_bytes() == before
        target = disk / "target"
        target.mkdir()
        large = packed(lab, tmp_path / "large.tar.zst")
        with pytest.raises(HostError, match="GiB are needed to unpack"):
            archive.unpack(large, target, TOPS)
        assert list(target.iterdir()) == []
    finally:
        tools.run(["umount", disk])


def test_a_folder_that_is_not_there_is_named(lab: Path, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"nowhere/x\.tar\.zst: cannot be written"):
        packed(lab, tmp_path / "nowhere" / "x.tar.zst")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda writer: add(writer, "../evil"), "leads out"),
        (lambda writer: add(writer, "hosts/../../evil"), "leads out"),
        (lambda writer: add(writer, "/evil"), "leads out"),
        (lambda writer: add(writer, "elsewhere/x"), "leads out"),
        (lambda writer: add(writer, "hosts/x", type=tarfile.LNKTYPE, linkname="/etc/shadow"), "leads out"),
        (lambda writer: add(writer, "hosts/x", type=tarfile.LNKTYPE, linkname="hosts/../../x"), "leads out"),
        (lambda writer: add(writer, "hosts/sda", type=tarfile.BLKTYPE, devmajor=8, devminor=0), "is a device"),
        (lambda writer: add(writer, "hosts/mem", type=tarfile.CHRTYPE, devmajor=1, devminor=1), "is a device"),
        (lambda writer: add(writer, "hosts/label", type=b"V"), "damaged"),
        (lambda writer: add(writer, "hosts/unknown", type=b"Z"), "damaged"),
        (
            lambda writer: [
                add(writer, "hosts/a", type=tarfile.SYMTYPE, linkname="/tmp"),  # noqa: S108
                add(writer, "hosts/a/x"),
            ],
            "behind a link",
        ),
        (
            lambda writer: [
                add(writer, "hosts/a", type=tarfile.SYMTYPE, linkname="/etc/shadow"),
                add(writer, "hosts/b", type=tarfile.LNKTYPE, linkname="hosts/a"),
            ],
            "behind a link",
        ),
    ],
)
def test_a_member_that_no_lab_has_is_refused_with_nothing_unpacked(make: Make, why: str, tmp_path: Path) -> None:
    def all_of(writer: tarfile.TarFile) -> None:
        add(writer, "hosts/first", b"good")
        make(writer)

    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(InputError, match=why):
        archive.unpack(crafted(tmp_path / "x.tar.zst", all_of), target, TOPS)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("end", [0, 100, -1])
def test_a_part_of_an_archive_is_damaged(end: int, lab: Path, tmp_path: Path) -> None:
    (lab / "hosts" / "a" / "upper" / "large").write_bytes(os.urandom(1 << 20))
    file, target = packed(lab, tmp_path / "x.tar.zst"), tmp_path / "target"
    target.mkdir()
    file.write_bytes(file.read_bytes()[:end])
    with pytest.raises(InputError, match="damaged, or no saved lab"):
        archive.unpack(file, target, TOPS)
    assert list(target.iterdir()) == []


def test_a_changed_octet_is_noticed(lab: Path, tmp_path: Path) -> None:
    (lab / "hosts" / "a" / "upper" / "large").write_bytes(os.urandom(1 << 20))
    file = packed(lab, tmp_path / "x.tar.zst")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        archive.unpack(file, tmp_path, TOPS)


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="text: damaged, or no saved lab"):
        archive.header(tmp_path / "text")
    with pytest.raises(InputError, match="nowhere: no such file"):
        archive.header(tmp_path / "nowhere")
    other = crafted(tmp_path / "other", lambda writer: add(writer, "x"), header="readme")
    with pytest.raises(InputError, match=r"it does not begin with save\.json"):
        archive.header(other)
