"""Extension `voucher` of a server's answer in octets (docs/spec, "Voucher stapling"), in RFC 8446's notation.

    opaque Voucher<1..2^16-1>;
    struct { Voucher vouchers<0..64000>; } Vouchers;

Where it travels, and how failures are raised: as `mecai.protocol.codec.tls_request`, whose answer it is.
"""

import struct
from collections.abc import Sequence
from typing import Final

from mecai.errors import Malformed, under_rule
from mecai.protocol.codec.tls_vectors import RULE, Reader
from mecai.protocol.limits import LIMITS

VOUCHER: Final = 0xFF4D  # in the range for private use, RFC 8447 section 7
_UINT16_MAX: Final = 0xFFFF


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
