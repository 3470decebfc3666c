"""What mode `random` draws (docs/spec, S3).

A draw follows from a secret of this process, the destination, which two minutes of the clock it is, and how many
connections were accepted in them: whatever makes a client forget what it drew, it draws that again, or a draw of these
two minutes. So nobody has more draws of a client by connections that come to nothing, or go elsewhere.
"""

import hmac
import secrets
import struct
from datetime import datetime, timedelta
from typing import Final

from mecai.protocol.remembered import Remembered

DRAW_STANDS: Final = timedelta(seconds=120)  # at most; urllib3 waits no longer before it tries again
_ROOM: Final = 256  # destinations whose accepted connections are counted
_SECRET: Final = 32  # octets


class Draws:
    """The draws of one client; safe for threads, which may count two acceptances at once as one."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(_SECRET)
        self._accepted: Remembered[str, int] = Remembered(_ROOM)

    def key(self, destination: str, now: datetime) -> bytes:
        """Return 32 octets by which candidates are to be ranked, as by a selection key, for one draw."""
        begun = _begun(now)
        count = self._accepted.get(destination, now) or 0
        place = struct.pack("!QQ", int(begun.timestamp()), count)
        return hmac.digest(self._secret, place + destination.encode(), "sha256")

    def accept(self, destination: str, now: datetime) -> None:
        """Count an accepted connection: the next one draws anew."""
        begun = _begun(now)
        self._accepted.put(destination, (self._accepted.get(destination, now) or 0) + 1, begun, begun + DRAW_STANDS)


def _begun(now: datetime) -> datetime:
    """Return when the two minutes began that `now` is in."""
    seconds = DRAW_STANDS // timedelta(seconds=1)
    return now.replace(microsecond=0) - timedelta(seconds=int(now.timestamp()) % seconds)
