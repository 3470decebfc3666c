"""The hold (docs/spec H2): a certificate waits after its first sight, so that its domain owner can object."""

from datetime import datetime, timedelta

from mecai.errors import MecaiError
from mecai.vas.storage.certificates import Logged


class StillHeld(MecaiError):
    """Why an exception does not end a hold."""


def hold_end(logged: Logged, span: timedelta, now: datetime) -> datetime | None:
    """Return when the hold of a certificate ends, or None once it has or was ended; a hold of zero never began."""
    end = logged.released or logged.first_seen + span
    return end if now < end else None
