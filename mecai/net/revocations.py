"""Whom a private CA revoked: TLS contexts that hold their peers against its lists, which something else replaces.

Nothing is fetched: the CA's operator brings its lists (CRLs, RFC 5280 section 5) along with its certificates
(ADR 0057). With lists, whoever stands in one is refused, and everybody while they cannot be relied on.
"""

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mecai.errors import HostError, InputError
from mecai.service.pem import load_crls

EARLY: Final = timedelta(days=14)  # so long before they end a person hears of it


@dataclass(frozen=True)
class Revocations:
    """The lists of one file (PEM): when the last of them began, and when the first of them ends."""

    path: Path
    begin: datetime
    end: datetime

    @classmethod
    def read(cls, path: Path) -> "Revocations":
        """Read a file of one CRL at least; raises `HostError`."""
        spans = [(each.last_update_utc, each.next_update_utc or each.last_update_utc) for each in load_crls(path)]
        return cls(path, max(begin for begin, _ in spans), min(end for _, end in spans))

    def require(self, now: datetime) -> None:
        """Raise `HostError` unless the lists are in their time."""
        if not self.begin <= now < self.end:
            seen = (
                f"its lists hold from {self.begin} to {self.end}"  # without the time: it is said once, not each second
            )
            raise HostError(f"{self.path}: {seen}; bring newer ones of the CA: nobody is believed without them")

    def require_lasting(self, now: datetime) -> None:
        """Raise `HostError` where a list ends soon, or has ended."""
        self.require(now)
        if self.end - now < EARLY:
            raise HostError(f"{self.path}: {(self.end - now).days} days left; bring newer lists of the CA")


class Guarded:
    """A TLS context for the next connection, made anew where the file with the lists is another; for many threads."""

    def __init__(
        self,
        make: Callable[[], ssl.SSLContext],
        lists: Path | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Use what `make` makes; without `lists` that is all, and everybody whom it trusts is believed to the end."""
        self._make = make
        self._lists = lists
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: object = None
        self._made: tuple[ssl.SSLContext, Revocations | None] | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context; raises `HostError` while the lists cannot be relied on."""
        context, revocations = self._current()
        if revocations is not None:
            revocations.require(self._clock())
        return context

    def _current(self) -> tuple[ssl.SSLContext, Revocations | None]:
        with self._lock:
            seen = _state(self._lists)
            if self._made is None or seen != self._seen:
                self._made = None  # what was good is not used on, where what took its place is no good
                self._made = self._make_anew()
                self._seen = seen
            return self._made

    def _make_anew(self) -> tuple[ssl.SSLContext, Revocations | None]:
        try:
            context = self._make()
        except InputError as error:
            raise HostError(str(error)) from error
        if self._lists is None:
            return context, None
        revocations = Revocations.read(self._lists)
        try:
            context.load_verify_locations(self._lists)
        except (OSError, ssl.SSLError) as error:
            raise HostError(f"{self._lists}: is no revocation list for OpenSSL ({error})") from error
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
        return context, revocations


def _state(path: Path | None) -> object:
    """Return what changes when a file is replaced or written, None if it cannot be looked at."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return found and (found.st_ino, found.st_mtime_ns, found.st_size)
