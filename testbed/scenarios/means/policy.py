"""No attack but the other side: the operators of Voucher Authorities hold what is new, or let in less than usual.

The lab's own hold nothing. What stands here comes into force at once, also for what is on hold already.
"""

from collections.abc import Iterator

from testbed.roles.perspective import nodes_of
from testbed.scenarios import vas
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_UNSAID = -1
_HOLD = "hold_seconds"
_BOUNDS = ("requests_per_minute", "address_requests_per_minute", "reports_per_day")


def _start(arena: Arena, arguments: Arguments) -> None:
    wanted = {name: arguments[name] for name in _BOUNDS if arguments[name] != _UNSAID}
    if (seconds := arguments[_HOLD]) != _UNSAID:
        wanted["hold"] = f"PT{seconds}S"
    for host in _nodes(arena, arguments):
        vas.settle(arena, host, wanted)


def _stop(arena: Arena, arguments: Arguments) -> None:
    for host in _nodes(arena, arguments):
        vas.unsettle(arena, host)


def _nodes(arena: Arena, arguments: Arguments) -> Iterator[str]:
    for authority in arguments["of"]:
        yield from (node.name for node in nodes_of(arena.plan.topology, authority))


MEAN = Mean(
    name="policy",
    says="the operators of Voucher Authorities hold new certificates, or bound requests, otherwise than the lab's",
    parameters={
        "of": Parameter("hosts", ("second",)),
        **{name: Parameter("number", _UNSAID) for name in (_HOLD, *_BOUNDS)},
    },
    start=_start,
    stop=_stop,
)
