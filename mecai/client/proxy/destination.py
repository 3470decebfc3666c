"""Where a browser may be led: the target of a CONNECT, a host name and a port (RFC 9110, section 9.3.6)."""

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from mecai.client.proxy.authority import LocalAuthority
from mecai.client.proxy.head import Declined
from mecai.client.request import Destination
from mecai.errors import InputError
from mecai.protocol.pki.identity import address_octets
from mecai.protocol.pki.names import host_name_of
from mecai.service.printable import one_line

HTTPS: Final = 443
_TARGET: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[^]\[:/?#@%]{1,255}):(?P<port>[0-9]{1,5})")


def read_destination(target: str, ports: Collection[int], authority: LocalAuthority) -> Destination:
    """Read a target; raises `Declined` for what is none, for addresses, and for ports and names that are not allowed.

    A certificate of an address is what the authority cannot make; vouchers are for names as well.
    """
    name, port = _split(target)
    if port not in ports:
        allowed = ", ".join(map(str, sorted(ports)))
        raise Declined(HTTPStatus.FORBIDDEN, f"port {port} is not allowed; allowed is {allowed} (--to-port)")
    if not authority.is_for(name):
        domains = ", ".join(authority.domains)
        raise Declined(HTTPStatus.FORBIDDEN, f"{name} is in none of the domains of this proxy's authority: {domains}")
    return Destination(name, port)


def _split(target: str) -> tuple[str, int]:
    parts = _TARGET.fullmatch(target)
    if parts is None:
        raise Declined(HTTPStatus.BAD_REQUEST, f"{one_line(target)!r} is no target of a tunnel; expected HOST:PORT")
    if _is_address(parts["host"].strip("[]")):
        raise Declined(HTTPStatus.FORBIDDEN, f"{parts['host']} is an address; this proxy leads to host names alone")
    try:
        return host_name_of(parts["host"]), int(parts["port"])
    except InputError as error:
        raise Declined(HTTPStatus.BAD_REQUEST, str(error)) from error


def _is_address(text: str) -> bool:
    try:
        address_octets(text)
    except InputError:
        return False
    return True
