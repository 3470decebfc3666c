"""A certificate named on the command line: by its hash, or by the file that it is in."""

from pathlib import Path

import pytest

from mecai.cli.hashes import named
from mecai.errors import HostError, InputError
from tests.pki import Hierarchy

ROOT = Hierarchy("alder").root


def test_a_hash_is_one_whatever_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where root has a verb run as a service's user, who may look for nothing in root's folder."""

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Path, "is_file", refuse)
    assert named("0A" * 32) == named(":".join(["0a"] * 32)) == b"\n" * 32
    with pytest.raises(HostError, match=r"^root\.pem: cannot be read \(Permission denied\)$"):
        named("root.pem")


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    assert named(str(tmp_path / "root.pem")) == ROOT.certificate
    with pytest.raises(InputError, match="none: is neither a file nor a SHA-256"):
        named("none")
