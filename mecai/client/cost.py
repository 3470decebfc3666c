"""What vouchers cost a connection on its way: octets, and round trips where the server's first flight is too long."""

from dataclasses import dataclass
from typing import Final

FIRST_FLIGHT: Final = 12_200  # octets that a server may send before anything is acknowledged (docs/spec T7, RFC 6928)
OTHERS: Final = 600  # octets of it, about, that are neither certificates nor staples nor vouchers


@dataclass(frozen=True)
class Cost:
    """Octets: of extension `voucher_request`, of extension `voucher`, of the OCSP staple and of the certificates."""

    request: int
    vouchers: int
    staple: int
    chain: int

    @property
    def round_trips(self) -> int:
        """How many more the vouchers take: a server may send twice as much after each that was acknowledged."""
        without = self.chain + self.staple + OTHERS
        return _flights(without + self.vouchers) - _flights(without)


def _flights(octets: int) -> int:
    flights, sent, window = 1, FIRST_FLIGHT, FIRST_FLIGHT
    while sent < octets:
        window *= 2
        sent += window
        flights += 1
    return flights
