"""The owner of a domain proves in the DNS that he is it who objects to a certificate (docs/spec H9)."""

from testbed.scenarios import hauls, names
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _start(arena: Arena, arguments: Arguments) -> None:
    wanted = hauls.fingerprint(arena, arguments["held_by"], arguments["tag"])
    names.publish(arena, [(_proof(arguments), "TXT", f'"{wanted}"')])


def _stop(arena: Arena, arguments: Arguments) -> None:
    names.withdraw(arena, _proof(arguments))


def _proof(arguments: Arguments) -> str:
    return f"_mecai-complaint.{arguments['name']}"


MEAN = Mean(
    name="proof",
    says="the owner of a domain proves in the DNS that he objects to a certificate",
    parameters={
        "name": Parameter("name", "new-site"),
        "tag": Parameter("word", "rogue"),
        "held_by": Parameter("host", "attacker"),
    },
    start=_start,
    stop=_stop,
)
