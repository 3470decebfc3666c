"""The directory in its file: what is read, and what is refused even after a restart."""

from pathlib import Path

import pytest

from mecai.errors import HostError, VerificationError
from mecai.protocol.objects.authorities import Directory
from mecai.service.directory_file import read_directory
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


NEXT = publisher("next")
ROTATION = directory(ALDER, sequence=2, publishers=(NEXT.certificate,))


def test_the_publishers_that_an_accepted_directory_names_replace_the_pins(tmp_path: Path) -> None:
    for _ in range(2):  # the same file stays good after it has left its own signer behind
        assert read(tmp_path, ROTATION).sequence == 2
    assert read(tmp_path, directory(ALDER, sequence=3), NEXT).sequence == 3
    for context in ("MOZ", "OTHER"):
        with pytest.raises(VerificationError, match="directory-untrusted"):
            read(tmp_path, directory(ALDER, sequence=4, context=context))
    assert read(tmp_path, directory(ALDER, sequence=4), NEXT).sequence == 4


def test_a_directory_that_is_refused_names_no_publishers(tmp_path: Path) -> None:
    read(tmp_path, directory(ALDER, sequence=3))
    with pytest.raises(VerificationError, match="directory-rollback"):
        read(tmp_path, ROTATION)
    with pytest.raises(VerificationError, match="directory-untrusted"):
        read(tmp_path, directory(ALDER, sequence=4), NEXT)


def test_a_damaged_pin_is_no_return_to_the_first_ones(tmp_path: Path) -> None:
    read(tmp_path, ROTATION)
    record = tmp_path / "records" / "directory.json"
    record.write_text(record.read_text().replace('"pins": ["', '"pins": ["!'))
    with pytest.raises(HostError, match="is no record of an accepted directory"):
        read(tmp_path, directory(ALDER, sequence=3))


def test_a_damaged_record_is_no_new_beginning(tmp_path: Path) -> None:
    read(tmp_path, directory(ALDER, sequence=2))
    (tmp_path / "records" / "directory.json").write_text("{}")
    with pytest.raises(HostError, match="is no record of an accepted directory"):
        read(tmp_path, directory(ALDER, sequence=1))


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "publishers.pem").write_bytes(PUBLISHER.pem)
    with pytest.raises(HostError, match=r"directory\.der: cannot be read"):
        read_directory(tmp_path / "directory.der", tmp_path / "publishers.pem", tmp_path, NOW)
