"""Extension `voucher_request` of a ClientHello in octets (docs/spec, "Voucher stapling"), in RFC 8446's notation.

    opaque AuthorityId[8];  opaque Context<1..32>;  opaque VoucherHash[32];
    struct { uint8 version = 1; uint8 quorum; AuthorityId candidates<8..128>; Context contexts<0..255>;
             VoucherHash cached<0..512>; } VoucherRequest;

Not here: where extensions travel (`nginx_module_shim`, `mecai.tls`) and which vouchers a server picks. Failures are
`Malformed` under rule T4; the detail begins with the TLS alert that they ask for.
"""

import struct
from dataclasses import dataclass
from typing import Final

from mecai.errors import Malformed, under_rule
from mecai.protocol.codec.tls_vectors import RULE, Reader, split
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import AUTHORITY_ID_SIZE, HASH_SIZE, check_contexts

VOUCHER_REQUEST: Final = 0xFF4E  # in the range for private use, RFC 8447 section 7
VERSION: Final = 1


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
        """Return the choice, or None where the extension is to be ignored: empty, or of another version.

        Raises `Malformed`.
        """
        if data[:1] != bytes([VERSION]):
            return None
        with under_rule(RULE):
            reader = Reader(data[1:])
            quorum = reader.uint8()
            candidates = split(reader.vector8(), AUTHORITY_ID_SIZE, range(1, LIMITS.candidates + 1))
            contexts = _unpack_contexts(reader.vector8())
            cached = split(reader.vector16(), HASH_SIZE, range(LIMITS.cached_vouchers + 1))
            reader.end()
        return cls(quorum, candidates, contexts, cached)


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
