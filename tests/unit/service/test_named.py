"""What a person names is read within bounds, whatever it is."""

import os
import threading
from pathlib import Path

import pytest

from mecai.cli.arguments import read
from mecai.errors import HostError
from mecai.service import named
from mecai.service.named import read_named
from mecai.service.pem import load_certificates, load_crls, load_key
from mecai.service.settings import read_settings
from tests.patience import SECONDS
from tests.unit.service.test_settings import Example

READERS = {
    "a verb's file": read,
    "a chain": load_certificates,
    "a list of revoked certificates": load_crls,
    "a key": load_key,
    "settings": lambda path: read_settings(path, Example),
}
every_reader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


def test_a_file_and_what_is_written_into_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    octets = b"octets" * 100_000  # more than a pipe holds
    writing = threading.Thread(target=pipe.write_bytes, args=(octets,), daemon=True)
    writing.start()
    assert read_named(pipe) == octets
    writing.join(SECONDS)
    (tmp_path / "file").write_bytes(octets)
    assert (read_named(tmp_path / "file"), read_named(Path(os.devnull))) == (octets, b"")


@every_reader
def test_what_never_ends_is_too_large(reader, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN001
    monkeypatch.setattr(named, "LARGEST", 3 * 1024 * 1024)
    with pytest.raises(HostError, match=r"/dev/zero: .*more than 3145728 octets"):
        reader(Path("/dev/zero"))


@every_reader
def test_a_pipe_that_nobody_fills_is_not_waited_for(reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN001
    monkeypatch.setattr(named, "SILENCE", 0.01)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HostError, match=r"pipe: .*nothing came for 0 s"):
        reader(tmp_path / "pipe")


@every_reader
def test_a_folder_is_no_file(reader, tmp_path: Path) -> None:  # noqa: ANN001
    with pytest.raises(HostError, match="Is a directory"):
        reader(tmp_path)
