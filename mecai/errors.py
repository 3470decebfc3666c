"""One tree of errors, each with the exit code of the program that ends on it.

`VerificationError` carries the reason code and the number of the rule that failed (docs/spec); the others say in one
line which thing, what was seen, what was expected and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mecai.reasons import REASONS


class MecaiError(Exception):
    """Base of every error that this project raises on purpose."""

    exit_code = 3

    def diagnostics(self) -> str:
        """Advice for a person, or an empty string."""
        return ""


class InputError(MecaiError):
    """Usage or bad input: the caller gave something that can never work."""

    exit_code = 2


class HostError(MecaiError):
    """The environment is at fault: a file, a permission, a network, a missing tool."""

    exit_code = 3


class VerificationError(MecaiError):
    """A verdict: `reason` is the reason code, `rule` the number of the rule that refused."""

    exit_code = 1

    def __init__(self, reason: str, rule: str, detail: str) -> None:
        super().__init__(f"{reason} ({rule}): {detail}")
        self.reason = reason
        self.rule = rule
        self.detail = detail

    def diagnostics(self) -> str:
        """Return what a person does about this reason code, nothing for a code that docs/spec does not know."""
        known = REASONS.get(self.reason)
        return known.advice if known else ""


class Malformed(VerificationError):
    """Bytes that do not parse, or whose DER re-encoding differs."""

    def __init__(self, detail: str, rule: str = "V1") -> None:
        super().__init__("malformed", rule, detail)


@contextmanager
def under_rule(rule: str) -> Iterator[None]:
    """Give every `Malformed` that arises inside this rule's number: one parser serves several structures."""
    try:
        yield
    except Malformed as error:
        raise Malformed(error.detail, rule) from error
