"""The steps of a scenario for one lab: words of the cast become hosts, defaults are filled in.

What comes out can be written down: it is all that a means needs to stop, whoever stops it.
"""

from collections.abc import Iterable

from mecai.errors import InputError
from testbed.scenarios import kinds, witnesses
from testbed.scenarios.arena import Arena
from testbed.scenarios.means import MEANS
from testbed.scenarios.means.mean import filled
from testbed.scenarios.scenario import Scenario, Step


def resolved(arena: Arena, step: Step) -> Step:
    """Return a step whose arguments are all there, hosts by their names; raises `InputError` for one that is not."""
    return Step(step.mean, filled(arena, MEANS[step.mean].parameters, step.arguments))


def check(arena: Arena, scenario: Scenario) -> None:
    """Find everybody and everything that a scenario needs in this lab; raises `InputError` for the first not there."""
    for scene in scenario.scenes:
        for word in (*scene.choice.named, *scene.choice.unnamed):
            arena.host(word)
        for name in scene.names or ("site",):
            arena.name(name)
        for kind in scene.verdicts:
            if kind in kinds.KINDS:
                kinds.check(arena, kind)
            else:
                witnesses.host_of(arena, kind, scene)
        for step in scene.steps:
            MEANS[step.mean].check(arena, resolved(arena, step).arguments)


def left_out(arena: Arena, scenarios: Iterable[Scenario]) -> dict[str, str]:
    """Return the names of the scenarios that cannot be played in this lab, each with the reason in one line."""
    reasons: dict[str, str] = {}
    for scenario in scenarios:
        try:
            check(arena, scenario)
        except InputError as error:
            reasons[scenario.name] = str(error)
    return reasons
