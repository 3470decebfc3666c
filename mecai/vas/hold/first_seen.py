"""The hold (docs/spec H2): a certificate waits after its first sight, so that its domain owner can object."""

from datetime import datetime, timedelta


def hold_end(first_seen: datetime, hold: timedelta, now: datetime) -> datetime | None:
    """Return when the hold of a certificate ends, or None once it has; a hold of zero never began."""
    end = first_seen + hold
    return end if now < end else None
