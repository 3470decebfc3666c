"""TLS sessions that go on with an acceptance (docs/spec, T8): in memory, each for the one place that it came from.

A resumed session shows neither certificate nor voucher, so its connection has the verdict of that which it goes on
with, for as long as nothing ends that this rests upon. Off unless `client.toml` says so: a ticket tells the server who
comes again.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from mecai.protocol.verify.connection import Policy, Vouched
from mecai.tls import Connection, Exchange, Facts, Session

NAMES: Final = 256  # host names; the one that was used longest ago goes first
SESSIONS: Final = 8  # of one host name: connections that begin at once have one each
SPARE: Final = timedelta(seconds=60)  # that must be left, so that no handshake outlasts what its verdict rests upon

_TICKETS_ANEW: Final = "TLSv1.3"  # each connection brings its own; in TLS 1.2 a session serves again


@dataclass(frozen=True)
class Standing:
    """Who vouched, and when nothing is to be judged again: from `since`, when it was, on and before `until`."""

    vouched: tuple[Vouched, ...]
    since: datetime
    until: datetime

    def holds(self, now: datetime, spare: timedelta = timedelta()) -> bool:
        """Tell whether nothing has ended that it rests upon, nor ends within `spare`."""
        return self.since <= now < self.until - spare


class Place(NamedTuple):
    """What a session is bound to, besides the directory, which is its context's own: name, address, port, policy."""

    name: str
    address: str | None
    port: int | None  # None: asyncio's own TLS does not know it
    rules: Policy


@dataclass(frozen=True)
class Kept:
    """A session, where its connection was accepted, and what that rests upon."""

    session: Session
    place: Place
    standing: Standing


class Sessions:
    """The newest sessions of each host name; safe for threads. Those of one context, so of one directory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, list[Kept]] = OrderedDict()

    def begin(self, connection: Connection, place: Place, now: datetime) -> "Resumption":
        """Let `connection`, whose handshake is about to begin, offer the newest session that fits, if there is one."""
        found = self.take(place, now)
        offered = found if found and found.session.resume(connection) else None
        return Resumption(self, place, offered)

    def keep(self, kept: Kept) -> None:
        """Keep one for the next connection."""
        with self._lock:
            name = kept.place.name
            self._kept[name] = [*self._kept.pop(name, []), kept][-SESSIONS:]
            while len(self._kept) > NAMES:
                self._kept.popitem(last=False)

    def take(self, place: Place, now: datetime) -> Kept | None:
        """Return the newest that fits, which nobody else gets (RFC 8446, C.4); forget those whose time is over."""
        with self._lock:
            held = [each for each in self._kept.pop(place.name, []) if each.standing.holds(now, SPARE)]
            found = next((each for each in reversed(held) if each.place == place), None)
            if left := [each for each in held if each is not found]:
                self._kept[place.name] = left
        return found

    def forget(self, name: str) -> None:
        """Forget those of a host name."""
        with self._lock:
            self._kept.pop(name, None)


class Resumption:
    """What one connection has to do with sessions: that which it offered, and those that it brings."""

    def __init__(self, sessions: Sessions, place: Place, offered: Kept | None) -> None:
        self._sessions, self._place, self._offered = sessions, place, offered

    def standing(self, exchange: Exchange, facts: Facts, now: datetime) -> Standing | None:
        """Return what a connection goes on with, None where it is to be judged: nothing was resumed, or all is over."""
        if not facts.resumed or self._offered is None or not self._offered.standing.holds(now):
            return None
        if facts.version != _TICKETS_ANEW:
            self._sessions.keep(self._offered)
        self.keep(exchange, facts, self._offered.standing)
        return self._offered.standing

    def keep(self, exchange: Exchange, facts: Facts, standing: Standing) -> None:
        """Keep the sessions that an accepted connection brings, those that come later, too."""
        if facts.version == _TICKETS_ANEW or facts.extended_master_secret:
            exchange.keep_sessions(lambda session: self._sessions.keep(Kept(session, self._place, standing)))
