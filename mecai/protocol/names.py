"""DNS host names in the one form that this project compares: lower-case A-labels, no trailing dot (RFC 5890)."""

import re

from mecai.protocol.errors import InputError
from mecai.protocol.limits import LIMITS

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def host_name(text: str) -> str:
    """Return the normal form of a host name; raises `InputError` for what is none.

    A name in other scripts has to be converted to A-labels by whoever took it from a person, once, so that SNI, the
    certificate and the selection of authorities all speak of the same name.
    """
    name = text.lower().removesuffix(".")
    if len(name) > LIMITS.server_name_length or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise InputError(f"{text!r} is no host name; expected dot-separated labels of a-z, 0-9 and '-' (A-labels)")
    return name
