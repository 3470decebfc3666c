"""Which cached vouchers are named to a server (C5)."""

from collections.abc import Sequence
from datetime import timedelta

from tests.conformance.plain import status, voucher
from tests.conformance.plain.connection import Client, addresses_of, authority_of, check_own_status
from tests.conformance.plain.refusal import Refused, expect
from tests.conformance.plain.voucher import Voucher

_LEFT = timedelta(seconds=600)


def named(client: Client, address: bytes | None, held: Sequence[bytes]) -> list[str]:
    """Return the hashes of the kept vouchers that are named to a peer (C5), the first 16."""
    found: list[str] = []
    for octets in held:
        read = voucher.read(octets)
        try:
            _check_before(read, client, address)
        except Refused:
            continue
        if read.hash not in found:
            found.append(read.hash)
    return found[:16]


def _check_before(read: Voucher, client: Client, address: bytes | None) -> None:
    """V2 to V5, V7, V9, V10: what needs no chain."""
    expect(read.authority in client.candidates, "it would not be asked for")
    _, root = authority_of(read, client)
    expect(read.signed.holds(), "its own signature does not hold")
    check_own_status(read, root, client.now)
    expect(read.end - read.begin <= client.longest, "longer than this client takes")
    expect(read.begin <= client.now + status.SKEW, "still to come")
    expect(read.end - client.now >= _LEFT, "it ends too soon")
    expect(address is not None and addresses_of(address, client.prefixes) & set(read.addresses), "of another peer")
    expect(not client.contexts or set(client.contexts) & set(read.contexts), "of other contexts")
