"""A Voucher Authority cannot be reached for a day: its router turns away what is sent to it, and its vouchers run out.

The day is not waited for: the server's files are taken away, and its sidecar gets no others while nothing passes.
"""

from testbed.scenarios import authorities
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means import deny
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_STAPLES = "/var/lib/mecai-sidecar/staples"
_TAKE = f'find {_STAPLES} -name "$1.voucher" -delete'


def _start(arena: Arena, arguments: Arguments) -> None:
    deny.MEAN.start(arena, _denial(arguments))
    taken = authorities.identifier(arena, arguments["of"])
    must(arena.run, arguments["server"], ["sh", "-c", _TAKE, "sh", taken])
    _read_anew(arena, arguments["server"])


def _stop(arena: Arena, arguments: Arguments) -> None:
    server = arguments["server"]
    deny.MEAN.stop(arena, _denial(arguments))
    must(arena.run, server, ["systemctl", "restart", "mecai-sidecar"])  # it may wait for an answer that never comes
    arena.run(server, ["mecai", "sidecar", "refresh"], "")  # another authority may still be denied
    _read_anew(arena, server)


def _denial(arguments: Arguments) -> Arguments:
    return {"host": arguments["of"], "service": "vas"}


def _read_anew(arena: Arena, server: str) -> None:
    """Have nginx read its folder now, not at its next look: what is asked next is answered from what is there."""
    must(arena.run, server, ["systemctl", "restart", "nginx"])


MEAN = Mean(
    name="outage",
    says="nobody reaches a VAS, and a server's vouchers of it have run out",
    parameters={"of": Parameter("host"), "server": Parameter("host", "server")},
    start=_start,
    stop=_stop,
)
