"""The register of cases: a case is a function whose docstring draws the situation and cites the rule.

    @case("V9", "I5")
    def v9_mapped_address() -> Situation:
        \"\"\"The client's socket names the peer ::ffff:198.18.0.10. ...\"\"\"
        return accepted(peer_address="::ffff:198.18.0.10")

The function's name becomes the case's, its module's name the group's, its docstring the description. With `over` one
function makes a case of each named value: it is called with the value, and `{}` in the docstring becomes the name.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Value = dict[str, Any]
Function = TypeVar("Function", bound=Callable[..., "Situation"])


@dataclass(frozen=True)
class Situation:
    """What a client is asked, and what it should answer; `workings` are values on the way, for whoever debugs.

    Octets become base64 in the vectors, times RFC 3339, tuples lists.
    """

    kind: str
    question: Value
    expected: Value
    workings: Value = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One registered case; `rules` are those of docs/spec that it holds the client to, the decisive ones first."""

    identifier: str
    group: str
    rules: tuple[str, ...]
    description: str
    situate: Callable[[], Situation]


_CASES: dict[str, Case] = {}


def case(*rules: str, over: Mapping[str, Any] | None = None) -> Callable[[Function], Function]:
    """Register the decorated function as one case, or as one for each value of `over`."""

    def register(function: Function) -> Function:
        for suffix, situate in _variants(function, over):
            identifier = _identifier(function.__name__, *suffix)
            if identifier in _CASES:
                raise ValueError(f"two cases are called {identifier}")
            description = inspect.cleandoc(function.__doc__ or "").replace("{}", *suffix or ("{}",))
            group = function.__module__.rpartition(".")[2]
            _CASES[identifier] = Case(identifier, group, rules, description, situate)
        return function

    return register


def registered() -> tuple[Case, ...]:
    """Return every case of the modules imported so far, in the order in which they stand there."""
    return tuple(_CASES.values())


def _identifier(*names: str) -> str:
    """Return the names as words of lower-case letters and digits, joined by '-'."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(names).lower()).strip("-")


def _variants(
    function: Callable[..., Situation], over: Mapping[str, Any] | None
) -> Iterator[tuple[tuple[str, ...], Callable[[], Situation]]]:
    if over is None:
        yield (), function
        return
    for name, value in over.items():
        yield (name,), lambda value=value: function(value)
