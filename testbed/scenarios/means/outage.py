"""A Voucher Authority cannot be reached for a day: its router turns away what is sent to it, and its vouchers run out.

The day is not waited for: the server's files are taken away, and its sidecar gets no others while nothing passes.
"""

from testbed.scenarios import authorities, staples
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means import deny
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_TAKE = f'find {staples.FOLDER} -name "$1.voucher" -delete'


def _start(arena: Arena, arguments: Arguments) -> None:
    deny.MEAN.start(arena, _denial(arguments))
    taken = authorities.identifier(arena, arguments["of"])
    must(arena.run, arguments["server"], ["sh", "-c", _TAKE, "sh", taken])
    staples.read_anew(arena, arguments["server"])


def _stop(arena: Arena, arguments: Arguments) -> None:
    server = arguments["server"]
    deny.MEAN.stop(arena, _denial(arguments))
    must(arena.run, server, ["systemctl", "restart", "mecai-sidecar"])  # it may wait for an answer that never comes
    staples.renew(arena, server)


def _denial(arguments: Arguments) -> Arguments:
    return {"host": arguments["of"], "service": "vas"}


MEAN = Mean(
    name="outage",
    says="nobody reaches a VAS, and a server's vouchers of it have run out",
    parameters={"of": Parameter("host"), "server": Parameter("host", "server")},
    start=_start,
    stop=_stop,
)
