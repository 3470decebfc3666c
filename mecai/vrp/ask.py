"""One question to one Voucher Authority Server, or to the servers of one authority (docs/spec, R1, R2).

The answer is bounded in size and in time: whatever the VAS does, `ask` ends. A voucher comes back unjudged.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mecai.protocol.objects.authorities import Server
from mecai.service.deadline import Deadline
from mecai.vrp.answers import VOUCHER_TYPE, Held, RequestRefused, understand
from mecai.vrp.post import post

SECONDS: Final = 40.0  # for one server; a VAS takes 30 at most (R4)
REQUEST_TYPE: Final = "application/mecai-voucher-request"
_HEADERS: Final = {"Content-Type": REQUEST_TYPE, "Accept": f"{VOUCHER_TYPE}, application/json"}

# `ask`, or what stands for it in a test.
Ask = Callable[[Server, bytes], bytes | Held]


def ask(server: Server, request: bytes, deadline: Deadline | None = None) -> bytes | Held:
    """Send a DER VoucherRequest and return the voucher as it came, or when to come again; raises `RequestRefused`.

    It ends after `SECONDS`, or at `deadline` if that is sooner.
    """
    deadline = deadline.within(SECONDS) if deadline else Deadline(SECONDS)
    return understand(server.url, post(server, "v1/vouchers", request, _HEADERS, deadline))


def ask_authority(servers: Sequence[Server], request: bytes, ask: Ask = ask) -> bytes | Held:
    """Ask the servers of one authority, of which there is at least one, in turn until one knows an answer.

    What one of them says for all of them (`RequestRefused.final`) is an answer too. Raises `RequestRefused`: that one,
    or what the last server said.
    """
    *others, last = servers
    for server in others:
        try:
            return ask(server, request)
        except RequestRefused as refusal:
            if refusal.final:
                raise
    return ask(last, request)
