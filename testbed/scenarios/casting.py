"""The steps of a scenario for one lab: words of the cast become hosts, defaults are filled in.

What comes out can be written down: it is all that a means needs to stop, whoever stops it.
"""

from collections.abc import Iterator
from typing import Any

from testbed.scenarios.arena import Arena
from testbed.scenarios.means import MEANS
from testbed.scenarios.means.mean import Parameter
from testbed.scenarios.scenario import Scenario, Step


def resolved(arena: Arena, step: Step) -> Step:
    """Return a step whose arguments are all there, hosts by their names; raises `InputError` for one that is not."""
    parameters = MEANS[step.mean].parameters
    values = {name: step.arguments.get(name, parameter.default) for name, parameter in parameters.items()}
    return Step(step.mean, {name: _value(arena, parameters[name], value) for name, value in values.items()})


def check(arena: Arena, scenario: Scenario) -> None:
    """Find everybody whom a scenario needs in this lab; raises `InputError` for the first whom nobody plays."""
    for word in _words(scenario):
        arena.host(word)
    for scene in scenario.scenes:
        for step in scene.steps:
            resolved(arena, step)


def _words(scenario: Scenario) -> Iterator[str]:
    yield from ("client", "server")
    for scene in scenario.scenes:
        yield from (*scene.choice.named, *scene.choice.unnamed)


def _value(arena: Arena, parameter: Parameter, value: Any) -> Any:  # noqa: ANN401 - as a file has it
    if parameter.kind == "host" and value:
        return arena.host(value).name
    return arena.site if parameter.kind == "name" and value == "site" else value
