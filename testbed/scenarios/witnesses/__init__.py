"""Who says, beside clients, what came of a scene: one file a witness, found by being here, each with its `WITNESS`."""

from importlib import import_module
from pkgutil import iter_modules

from testbed.scenarios.arena import Arena
from testbed.scenarios.clients import Question
from testbed.scenarios.means.mean import Arguments, filled
from testbed.scenarios.scenario import Scene
from testbed.scenarios.witnesses.witness import Witness


def _discover() -> dict[str, Witness]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    witnesses: list[Witness] = [module.WITNESS for module in modules if hasattr(module, "WITNESS")]
    return {witness.name: witness for witness in witnesses}


WITNESSES = _discover()


def host_of(arena: Arena, name: str, scene: Scene) -> str:
    """Return the host that a witness is on in a scene; raises `InputError` where somebody is missing in this lab."""
    return str(_arguments(arena, name, scene)[WITNESSES[name].on])


def ready(arena: Arena, name: str, scene: Scene) -> Question:
    """Return the question to a witness, as a scene asks it."""
    arguments = _arguments(arena, name, scene)
    return lambda: WITNESSES[name].ask(arena, arguments)


def _arguments(arena: Arena, name: str, scene: Scene) -> Arguments:
    return filled(arena, WITNESSES[name].parameters, scene.asked.get(name, {}))
