"""One question to one Voucher Authority Server, or to the servers of one authority (docs/spec, R1, R2).

HTTPS with the roots that the directory pins for this VAS, and no other; no redirect is followed, no proxy is used. The
answer is bounded in size and in time: whatever the VAS does, `ask` ends. A voucher comes back unjudged.
"""

import ssl
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import InputError
from mecai.net.dial import dial
from mecai.net.exchange import Answer, exchange
from mecai.net.handshake import shake_hands
from mecai.net.url import read_url
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Server
from mecai.service.deadline import Deadline
from mecai.service.printable import words
from mecai.vrp.answers import VOUCHER_TYPE, Held, RequestRefused, understand

SECONDS: Final = 40.0  # for one server; a VAS takes 30 at most (R4)
CONNECT_SECONDS: Final = 10.0
REQUEST_TYPE: Final = "application/mecai-voucher-request"
_HEADERS: Final = {"Content-Type": REQUEST_TYPE, "Accept": f"{VOUCHER_TYPE}, application/json"}

# `ask`, or what stands for it in a test.
Ask = Callable[[Server, bytes], bytes | Held]


def ask(server: Server, request: bytes, deadline: Deadline | None = None) -> bytes | Held:
    """Send a DER VoucherRequest and return the voucher as it came, or when to come again; raises `RequestRefused`.

    It ends after `SECONDS`, or at `deadline` if that is sooner.
    """
    deadline = deadline.within(SECONDS) if deadline else Deadline(SECONDS)
    try:
        answer = _post(server, request, deadline)
    except ssl.SSLCertVerificationError as error:
        said = f"its certificate is not one that the directory pins ({error.verify_message})"
        raise RequestRefused(f"{server.url}: {said}") from error
    except (OSError, InputError) as error:
        raise RequestRefused(f"{server.url}: {words(error)}") from error
    return understand(server.url, answer)


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


def _post(server: Server, request: bytes, deadline: Deadline) -> Answer:
    target = read_url(server.url, "https").below("v1/vouchers")
    plain = dial(target.host, target.port, deadline.within(CONNECT_SECONDS))
    with shake_hands(plain, _trusting(server), target.host, deadline) as secure:
        return exchange(secure, target, deadline, LIMITS.voucher_size, body=request, headers=_HEADERS)


def _trusting(server: Server) -> ssl.SSLContext:
    """Return a context that trusts the pinned roots only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=b"".join(root.public_bytes(Encoding.DER) for root in server.roots))
    return context
