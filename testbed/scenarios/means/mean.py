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


def filled(arena: Arena, parameters: Mapping[str, Parameter], given: Arguments) -> dict[str, Any]:
    """Return all arguments, given or by default, hosts and domain names as this lab has them; raises `InputError`."""
    values = {name: given.get(name, parameter.default) for name, parameter in parameters.items()}
    return {name: _value(arena, parameters[name], value) for name, value in values.items()}


def _value(arena: Arena, parameter: Parameter, value: Any) -> Any:  # noqa: ANN401 - as a file has it
    match parameter.kind:
        case "host":
            return arena.host(value).name if value else value
        case "hosts":
            return [host.name for word in value for host in arena.hosts(word)]
        case "name":
            return arena.name(value)
    return value


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
