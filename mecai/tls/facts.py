"""What a finished handshake showed, below what `ssl` tells: chain, staple, resumption."""

import _ssl
import ctypes
from dataclasses import dataclass
from typing import cast

from mecai.tls.extensions import exchange_of
from mecai.tls.library import (
    SSL_CTRL_GET_EXTMS_SUPPORT,
    SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP,
    library,
)
from mecai.tls.pointers import Certificate, Connection, connection_pointer


@dataclass(frozen=True)
class Facts:
    """One handshake: `chain` is DER, end entity first; `staple` is a DER OCSPResponse that nobody has verified yet."""

    version: str
    cipher: str
    chain: tuple[bytes, ...]
    staple: bytes | None
    resumed: bool
    extended_master_secret: bool


def read_facts(connection: Connection) -> Facts:
    """Read a connection whose handshake is over."""
    pointer = connection_pointer(connection)
    verified = exchange.verified if (exchange := exchange_of(pointer)) else None  # the same, and read already
    cipher = connection.cipher()
    return Facts(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        chain=verified.shown if verified else _der(connection.get_unverified_chain()),
        staple=_staple(pointer),
        resumed=bool(connection.session_reused),
        extended_master_secret=library().SSL_ctrl(pointer, SSL_CTRL_GET_EXTMS_SUPPORT, 0, None) == 1,
    )


def _der(chain: list[Certificate] | None) -> tuple[bytes, ...]:
    return tuple(cast("bytes", certificate.public_bytes(_ssl.ENCODING_DER)) for certificate in chain or ())


def _staple(pointer: int) -> bytes | None:
    """SSL_get_tlsext_status_ocsp_resp(3): the length, or -1, and a pointer that stays OpenSSL's."""
    data = ctypes.c_void_p()
    length = library().SSL_ctrl(pointer, SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP, 0, ctypes.byref(data))
    return ctypes.string_at(data, length) if length > 0 and data.value else None
