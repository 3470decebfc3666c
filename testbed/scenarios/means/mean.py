"""What an attacker's means is: something real that starts on hosts of the lab, and stops.

`stop` needs nothing but the arguments, may be called at any time, by another process, more than once, and after a start
that broke off at any point: it looks for what is there and removes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from testbed.scenarios.arena import Arena

Arguments = Mapping[str, Any]
Act = Callable[[Arena, Arguments], None]


@dataclass(frozen=True)
class Parameter:
    """One argument: a host in the words of the cast, a list of such words or of roles, a domain name, a word, a number.

    Without a default it must be given; `known` are the only words that it may be, if there are any.
    """

    kind: Literal["host", "hosts", "name", "word", "number"]
    default: str | int | tuple[str, ...] | None = None
    known: tuple[str, ...] = ()


def _nothing(_arena: Arena, _arguments: Arguments) -> None:
    return


@dataclass(frozen=True)
class Mean:
    """One means: its name, one line that says what it does, its parameters, and how it starts and stops.

    `check` finds out, by the plan alone, whether it can be used in this lab; raises `InputError`.
    """

    name: str
    says: str
    start: Act
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    stop: Act = _nothing
    check: Act = _nothing
