"""The one way in which a check fails."""

from collections.abc import Iterator
from contextlib import contextmanager


class Refused(Exception):
    """A reason code of docs/spec section 11 (or a TLS alert, rule T4), and what was wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def expect(condition: object, detail: str, reason: str = "malformed") -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise Refused(reason, detail)


@contextmanager
def refused_as(reason: str) -> Iterator[None]:
    """Let every refusal inside have this reason."""
    try:
        yield
    except Refused as error:
        raise Refused(reason, error.detail) from error
