"""What means have in common that are a stolen key: the root of an authority certified it, and the attacker has it.

The lab's own keys stay theirs, so that revoking the stolen one leaves the lab whole: the root certifies two.
"""

from testbed.scenarios import keys, publishing
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def stolen_key(name: str, says: str, *, of: str, tag: str, profile: str, called: str, listed: bool = False) -> Mean:
    """Return the means: whose key it is and its haul's tag by default, its certificate's profile and name.

    `called` has `{}` where the authority's name stands. `listed` says that directories list it with the authority, as
    they do each CA (docs/spec, D5).
    """

    def start(arena: Arena, arguments: Arguments) -> None:
        keys.obtain(arena, arguments["tag"], arguments["of"], called.format(arguments["of"]), profile)
        if listed:
            publishing.list_ca(arena, arguments["of"], keys.stolen(arena, arguments["tag"]))

    def stop(arena: Arena, arguments: Arguments) -> None:
        keys.give_up(arena, arguments["tag"], arguments["of"])
        if listed:
            publishing.restore(arena)

    parameters = {"of": Parameter("host", of), "tag": Parameter("word", tag)}
    return Mean(name=name, says=says, parameters=parameters, start=start, stop=stop)
