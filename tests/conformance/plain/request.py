"""A voucher request as a VAS reads it first (R2, R3)."""

import ipaddress

from tests.conformance.plain import certificates, der, names
from tests.conformance.plain.refusal import expect
from tests.conformance.plain.voucher import read_addresses

_LARGEST = 64 * 1024


def read(octets: bytes) -> dict[str, object]:
    """Return what has to be probed."""
    expect(len(octets) <= _LARGEST, "a request of more than 64 KiB")
    fields = der.Fields(der.read(octets))
    expect(der.integer(fields.take()) == 1, "version")
    certificates.load(der.octets(fields.take()))
    for each in der.list_of(fields.take(), der.octets, 0, 8):
        certificates.load(each)
    addresses = read_addresses(fields.take())
    port = der.integer(fields.take(der.INTEGER))
    expect(1 <= port <= 1023, "port")
    name, succession = fields.maybe(0xA0), fields.maybe(0xA1)
    fields.end()
    if succession is not None:
        expect(1 <= len(der.octets(der.inside(succession))) <= 65535, "succession")
    return {
        "addresses": [str(ipaddress.ip_address(each)) for each in addresses],
        "port": port,
        "serverName": None if name is None else _server_name(der.inside(name)),
    }


def _server_name(value: der.Value) -> str:
    expect(value.tag == der.IA5 and value.content.isascii(), "serverName is no IA5String")
    text = value.content.decode()
    expect(names.is_host_name(text), "serverName is no host name")
    return text
