"""`python -m tests.deploy.handshake ADDRESS NAME AUTHORITY`: shake hands once with tlslite-ng, and print what came.

It asks for a voucher of one authority (its id in hexadecimal), and prints the vouchers as JSON, each in base64.
"""

import base64
import json
import sys

from mecai.protocol.codec.tls_request import RequestExtension
from tests.integration.nginx_module.tls import ask


def main(address: str, name: str, authority: str) -> None:
    """Ask and print."""
    answer = ask(443, RequestExtension(1, (bytes.fromhex(authority),)).encode(), name=name, address=address)
    vouchers = answer.vouchers or ()
    print(json.dumps([base64.b64encode(voucher).decode() for voucher in vouchers]))  # noqa: T201 - a program


if __name__ == "__main__":
    main(*sys.argv[1:])
