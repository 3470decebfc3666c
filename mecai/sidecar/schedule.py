"""The schedule: when each voucher and each staple is to be fetched next, and what went wrong last.

It is kept in a file, so that a restart does not ask every authority again, and so that what `mecai sidecar refresh` did
is known to the running service. A file that cannot be read is worth no more than a new beginning: everything is due.
"""

import json
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from mecai.errors import HostError, Malformed
from mecai.protocol.codec import strict_json
from mecai.service.durable import SECRET, replace
from mecai.service.regular import read_regular
from mecai.vrp.answers import Held

LOG = logging.getLogger(__name__)

NEVER: Final = datetime.min.replace(tzinfo=UTC)
SHORTEST: Final = timedelta(minutes=5)  # between two successes, whatever the validity
LARGEST: Final = 64 * 1024 * 1024  # octets of the file: half a million tasks
FIRST_RETRY: Final = timedelta(seconds=30)
LONGEST_RETRY: Final = timedelta(hours=1)
LATEST: Final = timedelta(minutes=1)  # after a hold has ended
JITTER: Final = (0.75, 1.0)  # of a pause: sidecars that started together do not stay together


@dataclass(frozen=True)
class NextFetch:
    """When something is due; how often it failed since it last succeeded, and what is to be told about it."""

    due: datetime = NEVER
    failures: int = 0
    said: str = ""


def after_success(now: datetime, next_update: datetime, interval: timedelta, rng: Random) -> NextFetch:
    """Come again after `interval`, or when half of the remaining validity is over if that is sooner."""
    pause = min(interval, (next_update - now) / 2)
    return NextFetch(now + max(SHORTEST, pause * rng.uniform(*JITTER)))


def after_failure(now: datetime, failures: int, said: str, rng: Random, at_least: timedelta = timedelta()) -> NextFetch:
    """Come again after a pause that doubles with each failure, up to an hour; `failures` were there before.

    `at_least` is what the server asked for.
    """
    pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(failures, 16))
    return NextFetch(now + max(at_least, pause * rng.uniform(*JITTER)), failures + 1, said)


def after_hold(now: datetime, held: Held, interval: timedelta, rng: Random) -> NextFetch:
    """Come again when the authority said, in `Retry-After` or else as the hold's end, and a little later by chance.

    Not sooner than `FIRST_RETRY`, whatever it says, and after `interval` at the latest.
    """
    pause = max(held.until - now if held.retry is None else held.retry, FIRST_RETRY)
    pause += min(pause / 10, LATEST) * rng.random()
    return NextFetch(now + min(pause, interval), 0, f"on hold until {held.until:%Y-%m-%dT%H:%M:%SZ}")


class Schedule:
    """Next fetches by task (`FetchTask.identifier`), in a file."""

    @classmethod
    def read(cls, path: Path, former: "Schedule | None") -> "Schedule":
        """Return `former` if it is what is at `path` still, else what is there."""
        return former if former and former.is_current() else cls(path)

    def __init__(self, path: Path) -> None:
        """Read the schedule at `path`, which need not exist."""
        self._path = path
        self._next: dict[str, NextFetch] = {}
        self._changed = False
        self._written = _written(path)
        try:
            self._next = dict(_decode(read_regular(path, LARGEST)))
        except HostError:
            self._changed = True
            if path.exists():
                LOG.warning("schedule cannot be read, everything is due", extra={"path": str(path)})
        except (Malformed, ValueError, TypeError, KeyError, AttributeError) as error:
            LOG.warning("schedule cannot be read, everything is due: %s", error, extra={"path": str(path)})

    def __getitem__(self, key: str) -> NextFetch:
        return self._next.get(key, NextFetch())

    def __setitem__(self, key: str, next_fetch: NextFetch) -> None:
        self._next[key] = next_fetch
        self._changed = True

    def is_current(self) -> bool:
        """Tell whether nobody has written the file since it was read or saved here."""
        return self._written is not None and self._written == _written(self._path)

    def forget_times(self) -> None:
        """Let everything be due now."""
        self._next = {key: NextFetch(failures=each.failures) for key, each in self._next.items()}
        self._changed = True

    def next_due(self) -> datetime | None:
        """Return when the first fetch is due, None if there is none."""
        return min((next_fetch.due for next_fetch in self._next.values()), default=None)

    def save(self, keys: Collection[str]) -> None:
        """Write the schedule; of tasks that are no longer wanted nothing is kept. Raises `HostError`."""
        if gone := self._next.keys() - keys:
            self._next = {key: each for key, each in self._next.items() if key not in gone}
            self._changed = True
        if self._changed:
            replace(self._path, _encode(self._next), SECRET)
            self._changed = False
            self._written = _written(self._path)


def _written(path: Path) -> tuple[int, int] | None:
    """Tell one writing of the file from every other: each makes a new one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _encode(next_fetches: dict[str, NextFetch]) -> bytes:
    document = {
        key: {"due": each.due.isoformat(), "failures": each.failures, "said": each.said}
        for key, each in sorted(next_fetches.items())
    }
    return json.dumps(document).encode()


def _decode(octets: bytes) -> Iterator[tuple[str, NextFetch]]:
    """Yield what was encoded; raises `Malformed`, `ValueError`, `KeyError` or `TypeError` for anything else."""
    document: Any = strict_json.load(octets, "schedule")
    for key, each in document.items():
        due = datetime.fromisoformat(each["due"])
        if due.tzinfo is None:
            raise ValueError(f"{key}: due at {each['due']}, a time without zone")
        yield key, NextFetch(due, int(each["failures"]), str(each["said"]))
