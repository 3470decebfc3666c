"""The directory in its file: what is read, and what is refused even after a restart."""

from pathlib import Path

import pytest

from mecai.directory_file import read_directory
from mecai.protocol.authorities import Directory
from mecai.protocol.errors import HostError, VerificationError
from tests.directories import PUBLISHER, directory, publisher, signed
from tests.pki import DAY, NOW, Hierarchy, Issued

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")


def read(tmp_path: Path, content: Directory, by: Issued = PUBLISHER) -> Directory:
    path, publishers = tmp_path / "directory.der", tmp_path / "publishers.pem"
    path.write_bytes(signed(content, by))
    publishers.write_bytes(PUBLISHER.pem)
    return read_directory(path, publishers, tmp_path / "records", NOW)


def test_newer_and_newer_and_the_same_again(tmp_path: Path) -> None:
    for sequence in (1, 2, 2, 7):
        assert read(tmp_path, directory(ALDER, sequence=sequence)).sequence == sequence


@pytest.mark.parametrize(
    ("content", "by", "reason"),
    [
        (directory(ALDER, sequence=1), PUBLISHER, "directory-rollback"),
        (directory(BIRCH, sequence=2), PUBLISHER, "directory-equivocation"),
        (directory(ALDER, sequence=3), publisher("stranger"), "directory-untrusted"),
        (directory(ALDER, sequence=3, issued=NOW - 31 * DAY), PUBLISHER, "directory-expired"),
    ],
)
def test_refused(tmp_path: Path, content: Directory, by: Issued, reason: str) -> None:
    read(tmp_path, directory(ALDER, sequence=2))
    with pytest.raises(VerificationError, match=reason):
        read(tmp_path, content, by)
    assert read(tmp_path, directory(ALDER, sequence=2)).sequence == 2


def test_each_context_has_its_own_record(tmp_path: Path) -> None:
    read(tmp_path, directory(ALDER, sequence=2))
    assert read(tmp_path, directory(ALDER, sequence=1, context="OTHER")).sequence == 1


def test_a_damaged_record_is_no_new_beginning(tmp_path: Path) -> None:
    read(tmp_path, directory(ALDER, sequence=2))
    (tmp_path / "records" / "directory-MOZ.json").write_text("{}")
    with pytest.raises(HostError, match="is no record of a directory's sequence"):
        read(tmp_path, directory(ALDER, sequence=1))


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    with pytest.raises(HostError, match=r"directory\.der: cannot be read"):
        read_directory(tmp_path / "directory.der", tmp_path / "publishers.pem", tmp_path, NOW)
