"""Whom a client names (S1, S2, S4)."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from publicsuffixlist import PublicSuffixList

from tests.conformance.plain import names
from tests.conformance.plain.directory import Directory

_EPOCH = 2_592_000  # seconds


def candidates(  # noqa: PLR0917 the things that a selection depends on
    directory: Directory, destination: str, key: bytes, now: datetime, count: int, without: Sequence[str]
) -> list[str]:
    """Return the VA ids in their order."""
    d = names.address(destination) or _domain(destination)
    eligible = [entry for entry in directory.authorities if entry.has_server]
    eligible = [entry for entry in eligible if entry.region not in without]
    eligible = [entry for entry in eligible if not directory.distrusts(entry.roots, now)]
    offset = int.from_bytes(_hmac(key, b"mecai-offset-v1\0" + d)[:4]) % _EPOCH
    epoch = (int(now.timestamp()) + offset) // _EPOCH
    drawn = b"mecai-select-v1\0" + epoch.to_bytes(8) + bytes((len(d),)) + d
    ranked = sorted(eligible, key=lambda entry: _hmac(key, drawn + entry.id), reverse=True)
    chosen: dict[str, str] = {}
    for entry in ranked:
        chosen.setdefault(entry.owner, entry.id.hex())
    return list(chosen.values())[:count]


def _domain(destination: str) -> bytes:
    name = names.host_name(destination)
    return (_suffixes().privatesuffix(name) or name).encode()


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")
