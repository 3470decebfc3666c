"""The two TLS extensions in octets (docs/spec, "Voucher stapling"); RFC 8446 section 3 is the notation.

    opaque AuthorityId[8];  opaque Context<1..32>;  opaque VoucherHash[32];
    struct { uint8 version = 1; uint8 quorum; AuthorityId candidates<8..128>; Context contexts<0..255>;
             VoucherHash cached<0..512>; } VoucherRequest;                  /* ClientHello, voucher_request */
    opaque Voucher<1..2^16-1>;
    struct { Voucher vouchers<0..64000>; } Vouchers;                        /* server's answer, voucher */

Not here: where the extensions travel (`nginx_module_shim`, `mecai.tls`) and which vouchers a server picks. Failures
are `Malformed` under rule T4; the detail begins with the TLS alert that they ask for.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mecai.errors import Malformed, under_rule
from mecai.protocol.codec.tls_vectors import Reader, split
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import AUTHORITY_ID_SIZE, HASH_SIZE, check_contexts

VOUCHER: Final = 0xFF4D  # both in the range for private use, RFC 8447 section 7
VOUCHER_REQUEST: Final = 0xFF4E
VERSION: Final = 1
RULE: Final = "T4"
_UINT16_MAX: Final = 0xFFFF


@dataclass(frozen=True)
class RequestExtension:
    """What a client asks for: authorities in its order of preference, and how many of them must vouch.

    `contexts` empty means no filter, and one that stands there twice means nothing more (T5); `cached` names vouchers
    (by their hash) that the client already has.
    """

    quorum: int
    candidates: tuple[bytes, ...]
    contexts: tuple[str, ...] = ()
    cached: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        with under_rule(RULE):
            _require(0 < len(self.candidates) <= LIMITS.candidates, f"1..{LIMITS.candidates} candidates")
            _require(all(len(item) == AUTHORITY_ID_SIZE for item in self.candidates), "authority ids of 8 octets")
            _require(len(set(self.candidates)) == len(self.candidates), "candidates without duplicates")
            _require(0 < self.quorum <= len(self.candidates), "a quorum of 1..number of candidates")
            _require(len(self.cached) <= LIMITS.cached_vouchers, f"at most {LIMITS.cached_vouchers} cached vouchers")
            _require(all(len(item) == HASH_SIZE for item in self.cached), "voucher hashes of 32 octets")
            _check_contexts(self.contexts)
            _require(
                len(_pack_contexts(self.contexts)) <= LIMITS.choice_contexts_size, "contexts of 255 octets at most"
            )

    def encode(self) -> bytes:
        """Return the octets of extension `voucher_request`."""
        candidates, contexts, cached = b"".join(self.candidates), _pack_contexts(self.contexts), b"".join(self.cached)
        return b"".join(
            (
                struct.pack("!BB", VERSION, self.quorum),
                struct.pack("!B", len(candidates)) + candidates,
                struct.pack("!B", len(contexts)) + contexts,
                struct.pack("!H", len(cached)) + cached,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> "RequestExtension | None":
        """Return the choice, or None for another version (the extension is then ignored); raises `Malformed`."""
        with under_rule(RULE):
            reader = Reader(data)
            if reader.uint8() != VERSION:
                return None
            quorum = reader.uint8()
            candidates = split(reader.vector8(), AUTHORITY_ID_SIZE, range(1, LIMITS.candidates + 1))
            contexts = _unpack_contexts(reader.vector8())
            cached = split(reader.vector16(), HASH_SIZE, range(LIMITS.cached_vouchers + 1))
            reader.end()
        return cls(quorum, candidates, contexts, cached)


def encode_vouchers(vouchers: Sequence[bytes]) -> bytes:
    """Return the octets of extension `voucher`; raises `Malformed` beyond `Limits.staple_size`."""
    with under_rule(RULE):
        if any(not 0 < len(voucher) <= _UINT16_MAX for voucher in vouchers):
            raise Malformed("a voucher must have 1..65535 octets")
        body = b"".join(struct.pack("!H", len(voucher)) + voucher for voucher in vouchers)
        if len(body) > LIMITS.staple_size:
            raise Malformed(f"vouchers: {len(body)} octets, more than the {LIMITS.staple_size} that a handshake takes")
        return struct.pack("!H", len(body)) + body


def decode_vouchers(data: bytes) -> tuple[bytes, ...]:
    """Return the DER vouchers of extension `voucher`, unjudged; raises `Malformed`."""
    with under_rule(RULE):
        outer = Reader(data)
        reader = Reader(outer.vector16())
        outer.end()
        if len(reader.left) > LIMITS.staple_size:
            raise Malformed(f"decode_error: vouchers of {len(reader.left)} octets, expected 0..{LIMITS.staple_size}")
        vouchers = []
        while reader.left:
            vouchers.append(reader.vector16())
        if b"" in vouchers:
            raise Malformed("decode_error: an empty voucher")
        return tuple(vouchers)


def _pack_contexts(contexts: tuple[str, ...]) -> bytes:
    return b"".join(struct.pack("!B", len(context)) + context.encode() for context in contexts)


def _unpack_contexts(data: bytes) -> tuple[str, ...]:
    reader = Reader(data)
    contexts = []
    while reader.left:
        context = reader.vector8()
        if not 0 < len(context) <= LIMITS.context_length:
            raise Malformed(f"decode_error: a context of {len(context)} octets, expected 1..{LIMITS.context_length}")
        contexts.append(context.decode("latin-1"))
    return tuple(contexts)


def _check_contexts(contexts: tuple[str, ...]) -> None:
    try:
        check_contexts(tuple(dict.fromkeys(contexts)))
    except Malformed as error:
        raise Malformed(f"illegal_parameter: {error.detail}") from error


def _require(condition: bool, expected: str) -> None:
    if not condition:
        raise Malformed(f"illegal_parameter: expected {expected}")
