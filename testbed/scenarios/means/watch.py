"""A host counts the TCP connections that a Voucher Authority begins with it, from now on (nftables)."""

from testbed.scenarios import packets
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

TABLE = "watch"


def _start(arena: Arena, arguments: Arguments) -> None:
    counted = "".join(
        f"    {family} saddr {address} tcp flags & (syn | ack) == syn counter\n"
        for family, address in zip(("ip", "ip6"), arena.plan.addresses(arguments["of"]), strict=True)
    )
    packets.rule(arena, arguments["at"], TABLE, "    type filter hook input priority filter;\n" + counted)


def _stop(arena: Arena, arguments: Arguments) -> None:
    packets.remove(arena, arguments["at"], TABLE)


MEAN = Mean(
    name="watch",
    says="a host counts the connections that a Voucher Authority begins with it",
    parameters={"at": Parameter("host", "server"), "of": Parameter("host", "second")},
    start=_start,
    stop=_stop,
)
