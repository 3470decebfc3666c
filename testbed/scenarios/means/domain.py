"""No attack by itself: a domain is registered, the DNS leads its name to a host and names its owner's addresses (CAA).

The owner is he whose mail the registrar keeps. Of a domain that nobody had before, no VAS has told anybody yet.
"""

from testbed.roles import registrar
from testbed.scenarios import names
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter


def _check(arena: Arena, _arguments: Arguments) -> None:
    arena.host("registrar")


def _start(arena: Arena, arguments: Arguments) -> None:
    name = arguments["name"]
    led = zip(("A", "AAAA"), arena.plan.addresses(arguments["to"]), strict=True)
    contacts = (f'0 contactemail "{mailbox}"' for mailbox in _contacts(arena))
    records = [*((name, kind, address) for kind, address in led), *((_domain(name), "CAA", each) for each in contacts)]
    names.publish(arena, records)


def _contacts(arena: Arena) -> list[str]:
    """Return the owner's addresses: those of one domain, of which he has several."""
    return registrar.mailboxes(arena.plan.topology)[:3]


def _stop(arena: Arena, arguments: Arguments) -> None:
    names.withdraw(arena, arguments["name"], _domain(arguments["name"]))


def _domain(name: str) -> str:
    return name.partition(".")[2]


MEAN = Mean(
    name="domain",
    says="a domain is registered for the owner whose mail the registrar keeps, and its name leads to a host",
    parameters={"name": Parameter("name", "new-site"), "to": Parameter("host", "attacker")},
    check=_check,
    start=_start,
    stop=_stop,
)
