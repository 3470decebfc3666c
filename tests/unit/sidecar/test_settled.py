"""What a TLS server may not have read yet: by the newest file of one certificate, and never for longer than a bound."""

import os
from pathlib import Path

import pytest

from mecai.protocol.pki.identity import certificate_hash
from mecai.sidecar.settled import SETTLED, unread
from tests.pki import Hierarchy

NOW = 1_800_000_000.0
SITE = Hierarchy("alder").server("www.example.test")


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    (tmp_path / "chain.pem").write_bytes(SITE.chain_pem)
    return tmp_path / "chain.pem"


def laid(folder: Path, name: str, seconds_ago: float, certificate: bytes = SITE.der) -> None:
    path = folder / certificate_hash(certificate).hex() / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.utime(path, (NOW - seconds_ago,) * 2)


def test_the_newest_file_of_the_certificate_decides(tmp_path: Path, chain: Path) -> None:
    assert unread(tmp_path, chain, NOW) == 0
    laid(tmp_path, "a.voucher", 3600)
    laid(tmp_path, "other.voucher", 1, certificate=b"another")
    assert unread(tmp_path, chain, NOW) == 0
    laid(tmp_path, "b.voucher", 2)
    assert unread(tmp_path, chain, NOW) == SETTLED - 2


@pytest.mark.parametrize(("ago", "left"), [(SETTLED, 0), (SETTLED + 1, 0), (0, SETTLED), (-3600, SETTLED)])
def test_nothing_is_waited_for_longer_than_the_bound(tmp_path: Path, chain: Path, ago: float, left: float) -> None:
    laid(tmp_path, "ocsp.der", ago)
    assert unread(tmp_path, chain, NOW) == left
