"""Impair the cables of a zone where they enter the switch: what leaves a port there is what its host receives.

A token bucket bounds a rate (tc-tbf(8)), delay and loss need the kernel's emulator (tc-netem(8)), and a port that is
down takes the carrier from its host, as a cut cable does.
"""

import errno
from contextlib import suppress
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from mecai.errors import HostError
from testbed.model.impairment import Impairment

_BURST_SECONDS = 0.01
_SMALLEST_BURST = 3000  # octets: two full packets
_LATENCY = "100ms"  # how long a packet may wait in the bucket


def impair(switch: Any, port: int, wanted: Impairment) -> None:  # noqa: ANN401 - pyroute2 has no types
    """Let the port with this index be impaired so, and in no other way; raises `HostError` where the kernel cannot."""
    with suppress(NetlinkError):  # there is none
        switch.tc("del", index=port, parent=0xFFFFFFFF)
    try:
        if wanted.needs_netem:
            switch.tc("add", "netem", port, **_netem(wanted))
        elif wanted.rate_kilobits:
            switch.tc("add", "tbf", port, **_bucket(wanted.rate_kilobits))
    except NetlinkError as error:
        if error.code == errno.ENOENT:
            raise HostError("this kernel has no netem, so no delay and no loss: what works is rate and down") from error
        raise HostError(f"impairment {wanted}: the kernel refused ({error})") from error
    switch.link("set", index=port, state="down" if wanted.down else "up")


def _netem(wanted: Impairment) -> dict[str, object]:
    rate = {"rate": f"{wanted.rate_kilobits}kbit"} if wanted.rate_kilobits else {}
    return {"delay": round(wanted.delay_milliseconds * 1000), "loss": wanted.loss_percent, **rate}


def _bucket(kilobits: int) -> dict[str, object]:
    burst = max(_SMALLEST_BURST, round(kilobits * 1000 / 8 * _BURST_SECONDS))
    return {"rate": f"{kilobits}kbit", "burst": burst, "latency": _LATENCY}
