"""The lab's network: one namespace that holds a bridge for each zone, one for each host, veth pairs between.

Nothing is made in the machine's own namespace: the veth pair is created from inside the switch's. Every step says what
shall be, not what to do, so that a network left half made by a crash is completed by the next call (rtnetlink(7)).
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyroute2 import netns
from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from mecai.errors import HostError
from testbed.drivers.nspawn import impairments
from testbed.machine import mounts, tools
from testbed.machine.lab import Lab
from testbed.model.impairment import Impairment
from testbed.model.plan import Interface, Plan

SWITCH = "switch"
_RUN = Path("/run/netns")
_Netlink = Any  # an IPRoute, which makes its calls known at run time only
_IFA_F_NODAD = 0x02  # linux/if_addr.h: usable at once, no duplicate address detection

# Set from outside, since /proc/sys is read-only in the hosts.
_SETTINGS: dict[str, int | str] = {
    "net.ipv6.conf.all.disable_ipv6": 0,
    "net.ipv6.conf.default.disable_ipv6": 0,
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv4.ping_group_range": "0 2147483647",
}
_ROUTER_SETTINGS: dict[str, int | str] = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}


def ensure(lab: Lab, plan: Plan) -> int:
    """Make the network, or complete it; returns how many namespaces were new."""
    made = ensure_namespace(lab.label(SWITCH), {"net.ipv6.conf.default.disable_ipv6": 1})
    with _links_of(lab.label(SWITCH)) as switch:
        for zone in plan.topology.zones:
            _ensure_bridge(switch, _bridge(zone.name))
        for host in plan.topology.hosts:
            settings = _SETTINGS | _ROUTER_SETTINGS if host.forwards else _SETTINGS
            made += ensure_namespace(lab.label(host.name), settings)
            for interface in plan.interfaces[host.name]:
                _ensure_cable(switch, interface, lab.label(host.name))
                _impair(switch, interface, plan.topology.zone(interface.zone).impairment)
            _configure(lab, plan, host.name)
    return made


def impair(lab: Lab, plan: Plan, zone: str, host: str | None, wanted: Impairment) -> int:
    """Impair all cables of a zone, or one host's; returns how many. Raises `HostError` where the kernel cannot."""
    cables = [plan.interface(one.name, zone) for one in plan.topology.linked(zone) if host in {None, one.name}]
    with _links_of(lab.label(SWITCH)) as switch:
        for cable in cables:
            _impair(switch, cable, wanted)
    return len(cables)


def remove(lab: Lab) -> int:
    """Remove every namespace that carries the lab's id, with all that is inside; returns how many."""
    labels = present(lab)
    for label in labels:
        _remove_namespace(label)
    return len(labels)


def present(lab: Lab) -> list[str]:
    """List the namespaces that carry the lab's id."""
    return [path.name for path in _RUN.glob(lab.label("*"))]


def ensure_namespace(label: str, settings: dict[str, int | str]) -> int:
    """Make a network namespace with these sysctl settings, unless it is there; returns 1 if it was made."""
    path = _RUN / label
    if mounts.below(path):
        return 0
    path.unlink(missing_ok=True)  # a file without a mount: its maker was killed between the two
    netns.create(label)
    words = [f"{key}={value}" for key, value in settings.items()]
    try:
        tools.run(["nsenter", f"--net={path}", "sysctl", "--write", *words])
    except BaseException:
        _remove_namespace(label)  # a namespace that exists is one whose settings hold
        raise
    return 1


@contextmanager
def _links_of(label: str) -> Iterator[_Netlink]:
    """Open rtnetlink in a namespace; raises `HostError` for what the kernel refuses."""
    try:
        with IPRoute(netns=label) as handle:  # type: ignore[no-untyped-call]  # pyroute2 has no types
            yield handle
    except NetlinkError as error:
        raise HostError(f"network namespace {label}: the kernel refused ({error})") from error


def _remove_namespace(label: str) -> None:
    path = _RUN / label
    mounts.release(path)
    path.unlink(missing_ok=True)


def _bridge(zone: str) -> str:
    return f"br-{zone}"


def _ensure_bridge(switch: _Netlink, name: str) -> None:
    if not switch.link_lookup(ifname=name):
        switch.link("add", ifname=name, kind="bridge")
    switch.link("set", index=switch.link_lookup(ifname=name)[0], state="up")


def _ensure_cable(switch: _Netlink, interface: Interface, label: str) -> None:
    if not switch.link_lookup(ifname=interface.port):
        switch.link("add", ifname=interface.port, kind="veth", peer={"ifname": interface.zone, "net_ns_fd": label})
    [port] = switch.link_lookup(ifname=interface.port)
    [bridge] = switch.link_lookup(ifname=_bridge(interface.zone))
    switch.link("set", index=port, master=bridge)


def _impair(switch: _Netlink, interface: Interface, wanted: Impairment) -> None:
    [port] = switch.link_lookup(ifname=interface.port)
    impairments.impair(switch, port, wanted)


def _configure(lab: Lab, plan: Plan, host: str) -> None:
    with _links_of(lab.label(host)) as netlink:
        netlink.link("set", index=netlink.link_lookup(ifname="lo")[0], state="up")
        for interface in plan.interfaces[host]:
            _configure_interface(netlink, interface)
        for route in plan.routes[host]:
            family = socket.AF_INET if route.to.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
            netlink.route("replace", family=family, dst=str(route.to), gateway=str(route.via))


def _configure_interface(netlink: _Netlink, interface: Interface) -> None:
    [index] = netlink.link_lookup(ifname=interface.zone)
    netlink.link("set", index=index, state="up")
    for address in interface.all:
        prefix, flags = address.network.prefixlen, _IFA_F_NODAD if address.version == 6 else 0  # noqa: PLR2004 - IPv6
        netlink.addr("replace", index=index, address=str(address.ip), prefixlen=prefix, flags=flags)
