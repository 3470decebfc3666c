"""Mail addresses: what is taken for one, in a certificate, a registry or a DNS record."""

import re
from typing import Final

from mecai.errors import InputError
from mecai.protocol.pki.names import host_name

# RFC 5321 section 4.1.2, Dot-string: no quotes, no comments, nothing that a header or an envelope could trip over.
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LONGEST_LOCAL: Final = 64  # octets, RFC 5321 section 4.5.3.1.1


def mail_address(text: str) -> str:
    """Return the address, its domain in lower case; raises `InputError` for what is none."""
    local, at, domain = text.rpartition("@")
    if not at or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        raise InputError(f"{text!r} is no mail address; expected for example admin@example.test")
    return f"{local}@{host_name(domain)}"
