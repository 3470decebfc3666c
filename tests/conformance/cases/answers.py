# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""T4, T6 to T8, C5: what the server answered octet for octet, what had been named to it, and resumed sessions.

The cases of other files have a list of vouchers, whichever way they came; these have the answer as it was.
"""

import struct
from collections.abc import Sequence

from tests.conformance.parts.directories import content, moment, signed
from tests.conformance.parts.voucher import Voucher, addresses, contexts
from tests.conformance.registry import Situation, case
from tests.conformance.stage import CEDAR, ENTRIES, GOOD, Connection, of, voucher
from tests.pki import DAY, NOW

_OF_CEDAR = of(CEDAR)
_ELSEWHERE = voucher(info={"addresses": addresses("198.18.0.66")})  # fails by V9
_FOREIGN = voucher(info={"trustContexts": contexts("GOO")})  # fails by V10
_EXPIRED = signed(content(*ENTRIES, issued=moment(NOW - 8 * DAY), expires=moment(NOW - DAY)))


def _list_of(*vouchers: bytes) -> bytes:
    """Return the octets of extension `voucher` (section 5)."""
    body = b"".join(struct.pack("!H", len(each)) + each for each in vouchers)
    return struct.pack("!H", len(body)) + body


def _situation(
    expected: dict[str, object], answer: bytes | None, named: Sequence[Voucher], **changes: object
) -> Situation:
    resumed = {"resumed": True} if changes.pop("resumed", False) else {}
    nameless = {"serverName": None} if changes.pop("nameless", False) else {}
    asked = Connection(**changes).question([])  # type: ignore[arg-type]  # a case names the fields that it needs
    del asked["vouchers"]
    held = [each.der for each in named]
    return Situation("connection", asked | {"answer": answer, "cached": held} | resumed | nameless, expected)


def _accepted(answer: bytes, *passing: Voucher, named: Sequence[Voucher] = (), **changes: object) -> Situation:
    expected = {"verdict": "accepted", "vouchers": [each.hash for each in passing]}
    return _situation(expected, answer, named, **changes)


def _refused(reason: str, answer: bytes | None, *, named: Sequence[Voucher] = (), **changes: object) -> Situation:
    return _situation({"verdict": "refused", "reason": reason}, answer, named, **changes)


_GOOD = _list_of(GOOD.der)


@case("C5", "T6")
def answer_of_one() -> Situation:
    """The server answers with one voucher, and nothing had been named to it."""
    return _accepted(_GOOD, GOOD)


@case("C5", "T6")
def answer_of_none_to_a_named_one() -> Situation:
    """Birch's voucher was named, and the server answers with an empty list: use what you have."""
    return _accepted(_list_of(), GOOD, named=[GOOD])


@case("C5", "C1")
def no_answer_to_a_named_one() -> Situation:
    """Birch's voucher was named, and the server did not answer: what was named counts for nothing."""
    return _refused("no-voucher", None, named=[GOOD])


@case("C1", "T6")
def answer_of_none_to_nothing_named() -> Situation:
    """The server answers with an empty list, and nothing had been named."""
    return _refused("no-voucher", _list_of())


@case("C5", "C2")
def answer_completed_by_a_named_one() -> Situation:
    """Two vouchers are wanted; birch's was named and cedar's is sent. Those that were sent come first."""
    return _accepted(_list_of(_OF_CEDAR.der), _OF_CEDAR, GOOD, named=[GOOD], quorum=2)


@case(
    "C5", "C3", "V9", "V10", over={"another address": (_ELSEWHERE, _FOREIGN), "another context": (_FOREIGN, _ELSEWHERE)}
)
def answer_before_a_named_one_with(vouchers: tuple[Voucher, Voucher]) -> Situation:
    """The voucher of birch that was sent is for {}; a second one, which had been named, fails otherwise.

    C3, C5: of several of one candidate the first counts, and what was sent comes before what was named.
    """
    sent, named = vouchers
    reason = "address-mismatch" if sent is _ELSEWHERE else "context-missing"
    return _refused(reason, _list_of(sent.der), named=[named])


_UNREADABLE = {
    "nothing at all": b"",
    "an octet after the list": _GOOD + b"\0",
    "a list that ends too soon": _GOOD[:-1],
    "a voucher longer than the list": b"\0\3\0\2\0",
    "an empty voucher": _list_of(GOOD.der, b""),
    "64001 octets": _list_of(GOOD.der, bytes(64_001 - 4 - len(GOOD.der))),
}


@case("T4", "T7", over=_UNREADABLE)
def answer_with(octets: bytes) -> Situation:
    """The answer has {}; a good voucher had been named. T4, T7: `decode_error`, and the verdict is `malformed`."""
    return _refused("malformed", octets, named=[GOOD])


@case("T7", "V1")
def answer_of_64000_octets() -> Situation:
    """Birch's voucher and octets that are none fill the answer to the last octet that is allowed."""
    return _accepted(_list_of(GOOD.der, bytes(64_000 - 4 - len(GOOD.der))), GOOD)


@case("T4", "C4")
def answer_unreadable_before_an_untrusted_chain() -> Situation:
    """The answer cannot be read, and the certificate is for another name."""
    return _refused("malformed", b"\0", server_name="mail.example.test")


@case("T4", "D4")
def answer_unreadable_after_an_expired_directory() -> Situation:
    """The answer cannot be read, and the directory has ended."""
    return _refused("directory-expired", b"\0", directory=_EXPIRED)


@case("T8", "C1")
def resumed() -> Situation:
    """The handshake resumed a session that this client has not accepted; all that is shown is good."""
    return _refused("no-voucher", _GOOD, resumed=True)


@case("T8", "C5")
def resumed_with_a_named_one() -> Situation:
    """The handshake resumed a session that this client has not accepted, and a good voucher was named."""
    return _refused("no-voucher", _list_of(), named=[GOOD], resumed=True)


@case("T8", "C4")
def resumed_before_an_untrusted_chain() -> Situation:
    """A session was resumed that this client has not accepted, and the certificate is for another name."""
    return _refused("no-voucher", _GOOD, resumed=True, server_name="mail.example.test")


@case("T8", "T4")
def resumed_before_an_unreadable_answer() -> Situation:
    """A session was resumed that this client has not accepted, and the answer cannot be read."""
    return _refused("no-voucher", b"\0", resumed=True)


@case("T8", "D4")
def resumed_after_an_expired_directory() -> Situation:
    """A session was resumed that this client has not accepted, and the directory has ended."""
    return _refused("directory-expired", _GOOD, resumed=True, directory=_EXPIRED)


@case("C4")
def nameless() -> Situation:
    """The program gave no name of the server. All that is shown is good; there is nothing to hold it against."""
    return _refused("untrusted", _GOOD, nameless=True)


@case("C4", "T8")
def nameless_after_resumed() -> Situation:
    """The program gave no name of the server, and a session was resumed that this client has not accepted."""
    return _refused("no-voucher", _GOOD, nameless=True, resumed=True)


@case("C4", "T4")
def nameless_before_an_unreadable_answer() -> Situation:
    """The program gave no name of the server, and the answer cannot be read."""
    return _refused("untrusted", b"\0", nameless=True)
