"""A TLS client that demands vouchers.

`VoucherContext` is an `ssl.SSLContext`: its module says how to use it with the usual programs.
"""

from mecai.client.context import VoucherContext
from mecai.client.gate import peer
from mecai.client.objects import VoucherObject
from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.sockets import VoucherSocket
from mecai.client.streams import open_connection
from mecai.client.verdict import Outcome, Refused, Verdict

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
