# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""T3 to T7, the octets of both TLS extensions: what a server reads in a ClientHello, and what a client reads back."""

import struct
from collections.abc import Sequence

from tests.conformance.registry import Situation, case

_IDS = tuple(bytes((number,)) * 8 for number in range(1, 18))
_HASHES = tuple(bytes((number,)) * 32 for number in range(1, 18))
_FULL = ("A" * 32, *(f"CONTEXT-{number}" + "B" * 22 for number in range(6)), "C" * 7)  # 255 octets with their lengths


def _choice(
    *, version: int = 1, quorum: int = 1, candidates: bytes = _IDS[0], contexts: bytes = b"", cached: bytes = b""
) -> bytes:
    """Return the extension; every vector as octets, so that none has to be well formed."""
    return b"".join(
        (
            struct.pack("!BBB", version, quorum, len(candidates)) + candidates,
            struct.pack("!B", len(contexts)) + contexts,
            struct.pack("!H", len(cached)) + cached,
        )
    )


def _contexts(*names: bytes) -> bytes:
    return b"".join(bytes((len(name),)) + name for name in names)


def _read(
    quorum: int, candidates: Sequence[bytes], contexts: Sequence[str] = (), cached: Sequence[bytes] = ()
) -> Situation:
    """Accept the extension that says this."""
    octets = _choice(
        quorum=quorum,
        candidates=b"".join(candidates),
        contexts=_contexts(*(name.encode() for name in contexts)),
        cached=b"".join(cached),
    )
    expected = {
        "verdict": "accepted",
        "quorum": quorum,
        "candidates": [item.hex() for item in candidates],
        "contexts": contexts,
        "cached": [item.hex() for item in cached],
    }
    return Situation("choice", {"extension": octets}, expected)


def _alert(alert: str, octets: bytes) -> Situation:
    return Situation("choice", {"extension": octets}, {"verdict": "refused", "reason": alert})


def _ignored(octets: bytes) -> Situation:
    return Situation("choice", {"extension": octets}, {"verdict": "ignored"})


@case("T4")
def t4_one_candidate() -> Situation:
    """The least that a client can say: one candidate, one voucher wanted, no context, nothing cached."""
    return _read(1, _IDS[:1])


@case("T4")
def t4_three_candidates() -> Situation:
    """Three candidates, two vouchers wanted, two contexts, one voucher cached."""
    return _read(2, _IDS[:3], ("MOZ", "GOO"), _HASHES[:1])


@case("T4", "T5")
def t4_everything_full() -> Situation:
    """Every vector at its end: 16 candidates, all wanted, 255 octets of contexts, 16 vouchers cached."""
    return _read(16, _IDS[:16], _FULL, _HASHES[:16])


@case("T4", over={"0": 0, "4": 4, "255": 255})
def t4_quorum(quorum: int) -> Situation:
    """{} vouchers are wanted, of three candidates. T4: 1 to the number of candidates."""
    return _alert("illegal_parameter", _choice(quorum=quorum, candidates=b"".join(_IDS[:3])))


@case("T4")
def t4_candidate_twice() -> Situation:
    """The second candidate is the first one again."""
    return _alert("illegal_parameter", _choice(candidates=_IDS[0] + _IDS[1] + _IDS[0]))


@case("T4", over={"0": 0, "2": 2, "255": 255})
def t4_version(version: int) -> Situation:
    """The extension is of version {} and otherwise good. T4: the server ignores it, as if it had not been sent."""
    return _ignored(_choice(version=version))


@case("T4")
def t4_empty() -> Situation:
    """The extension is empty. T4: the server ignores it, for it has no version that this one knows."""
    return _ignored(b"")


@case("T4", over={"nothing": b"", "octets that version 1 forbids": b"\xff" * 9})
def t4_version_2_with(rest: bytes) -> Situation:
    """Version 2, followed by {}: a server of version 1 cannot know what follows."""
    return _ignored(b"\x02" + rest)


_WHOLE = _choice(candidates=b"".join(_IDS[:2]), contexts=_contexts(b"MOZ"), cached=_HASHES[0])
_CUTS = {
    "before the quorum": 1,
    "before the candidates": 2,
    "within the candidates": 10,
    "before the contexts": 19,
    "within the contexts": 22,
    "within the length of the cached": 25,
    "within the cached": len(_WHOLE) - 1,
}


@case("T4", over=_CUTS)
def t4_cut(length: int) -> Situation:
    """The extension is cut {}. T4: bad lengths are a decode_error."""
    return _alert("decode_error", _WHOLE[:length])


@case("T4")
def t4_trailing_octet() -> Situation:
    """One octet follows the extension."""
    return _alert("decode_error", _WHOLE + b"\0")


_BAD_VECTORS = {
    "no candidate": _choice(candidates=b""),
    "a candidate of seven octets": _choice(candidates=_IDS[0][:7]),
    "two candidates of nine octets": _choice(candidates=_IDS[0] + _IDS[1] + b"\0\0"),
    "seventeen candidates": _choice(candidates=b"".join(_IDS)),
    "an empty context": _choice(contexts=_contexts(b"MOZ", b"")),
    "a context of 33 characters": _choice(contexts=_contexts(b"A" * 33)),
    "a context longer than its vector": _choice(contexts=b"\x04MOZ"),
    "a cached hash of 31 octets": _choice(cached=_HASHES[0][:31]),
    "seventeen cached": _choice(cached=b"".join(_HASHES)),
}


@case("T4", over=_BAD_VECTORS)
def t4_vector_with(octets: bytes) -> Situation:
    """A vector has {}: a length that its definition does not allow (RFC 8446 section 3.4)."""
    return _alert("decode_error", octets)


@case("T5", "T4", over={"lower case": b"moz", "a space": b"MOZ ", "a byte above 127": b"M\xd6Z", "a zero": b"MOZ\0"})
def t5_context_with(name: bytes) -> Situation:
    """A context has {}. T5: A-Z, 0-9 and '-' only. The lengths are right, so the alert is illegal_parameter."""
    return _alert("illegal_parameter", _choice(contexts=_contexts(name)))


@case("T5")
def t5_context_twice() -> Situation:
    """Context MOZ stands there twice. T5: that means what it means once; `contexts` is read as it stands."""
    return _read(1, _IDS[:1], ("MOZ", "MOZ"))


def _list(*items: bytes) -> bytes:
    body = b"".join(struct.pack("!H", len(item)) + item for item in items)
    return struct.pack("!H", len(body)) + body


def _vouchers(*items: bytes) -> Situation:
    """Accept the answer that carries these octets as vouchers."""
    return Situation("vouchers", {"extension": _list(*items)}, {"verdict": "accepted", "vouchers": items})


def _undecodable(octets: bytes) -> Situation:
    return Situation("vouchers", {"extension": octets}, {"verdict": "refused", "reason": "decode_error"})


@case("T6")
def t6_empty_list() -> Situation:
    """The server answers with an empty list. T6: use what you have."""
    return _vouchers()


@case("T7")
def t7_three_vouchers() -> Situation:
    """Three vouchers of one, two and 300 octets; what is in them is not the extension's business."""
    return _vouchers(b"\x01", b"\x02\x02", b"\x03" * 300)


@case("T7")
def t7_one_twice() -> Situation:
    """The same voucher twice: a stock server's set may have that, and C2 counts owners."""
    return _vouchers(b"\x01", b"\x01")


@case("T7")
def t7_as_long_as_may_be() -> Situation:
    """One voucher of 63,998 octets: with its length 64,000, the most that an answer may have."""
    return _vouchers(bytes(63_998))


_TWO = _list(b"\x01\x01", b"\x02\x02")
_BAD_LISTS = {
    "nothing": b"",
    "one octet": b"\0",
    "a voucher of no octets": _list(b"\x01", b""),
    "a trailing octet": _TWO + b"\0",
    "its last octet missing": _TWO[:-1],
    "a list longer than the extension": b"\0\x09" + _TWO[2:],
    "a list shorter than the extension": b"\0\x07" + _TWO[2:],
    "a voucher longer than the list": b"\0\x03\0\x02\x01",
    "half a length": b"\0\x01\0",
    "64,001 octets": _list(bytes(63_999)),
}


@case("T7", "T4", over=_BAD_LISTS)
def t7_answer_with(octets: bytes) -> Situation:
    """The answer has {}. Vouchers are `Voucher<1..2^16-1>` in a list of at most 64,000 octets."""
    return _undecodable(octets)


_BOTH = {
    "a quorum of 0 and a trailing octet": _choice(quorum=0) + b"\0",
    "a candidate twice and a trailing octet": _choice(candidates=_IDS[0] * 2) + b"\0",
    "a context in lower case and half a hash": _choice(contexts=_contexts(b"moz"), cached=_HASHES[0][:16]),
}


@case("T4", "T5", over=_BOTH)
def t4_order(octets: bytes) -> Situation:
    """The extension has {}. Whether it can be read at all comes first: decode_error."""
    return _alert("decode_error", octets)
