"""Write the vouchers of a haul as what a stock OpenSSL server staples (SSL_CTX_use_serverinfo_file(3)).

Told on stdin, as JSON: `folder`. Reads `FOLDER/vouchers/*.der`, writes `FOLDER/serverinfo.pem`.
"""

import base64
import json
import struct
import sys
from pathlib import Path

from mecai.protocol.codec.tls_answer import VOUCHER, encode_vouchers

# ClientHello, TLS 1.2 ServerHello and TLS 1.3 Certificate (ssl.h, SSL_EXT_*).
_CONTEXT = 0x1180


def main() -> None:
    """Write the file."""
    folder = Path(json.load(sys.stdin)["folder"])
    answer = encode_vouchers([file.read_bytes() for file in sorted(folder.glob("vouchers/*.der"))])
    entry = struct.pack("!IHH", _CONTEXT, VOUCHER, len(answer)) + answer
    text = base64.encodebytes(entry).decode()
    label = "SERVERINFOV2 FOR voucher"
    (folder / "serverinfo.pem").write_text(f"-----BEGIN {label}-----\n{text}-----END {label}-----\n", encoding="ascii")


if __name__ == "__main__":
    main()
