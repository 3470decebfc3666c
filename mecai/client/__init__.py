"""A TLS client that demands vouchers.

`VoucherContext` is an `ssl.SSLContext`: its module says how to use it with the usual programs. What is named here is
loaded when it is asked for (PEP 562), so that a program without asyncio does without its start, and without libraries
that it does not use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mecai.client.adapters.aiohttp import VoucherConnector as VoucherConnector
    from mecai.client.adapters.httpx import VoucherTransport as VoucherTransport
    from mecai.client.adapters.requests import VoucherAdapter as VoucherAdapter
    from mecai.client.context import VoucherContext
    from mecai.client.gate import peer
    from mecai.client.objects import VoucherObject
    from mecai.client.policy import ClientPolicy, read_policy
    from mecai.client.sockets import VoucherSocket
    from mecai.client.streams import open_connection
    from mecai.client.verdict import Outcome, Refused, Verdict

# Without the adapters, so that `import *` needs no library that the wheel does not bring.
__all__ = [
    "ClientPolicy",
    "Outcome",
    "Refused",
    "Verdict",
    "VoucherContext",
    "VoucherObject",
    "VoucherSocket",
    "open_connection",
    "peer",
    "read_policy",
]

_MODULES = {
    "adapters.aiohttp": ("VoucherConnector",),
    "adapters.httpx": ("VoucherTransport",),
    "adapters.requests": ("VoucherAdapter",),
    "context": ("VoucherContext",),
    "gate": ("peer",),
    "objects": ("VoucherObject",),
    "policy": ("ClientPolicy", "read_policy"),
    "sockets": ("VoucherSocket",),
    "streams": ("open_connection",),
    "verdict": ("Outcome", "Refused", "Verdict"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
