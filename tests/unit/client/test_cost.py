"""What vouchers cost on the way."""

import pytest

from mecai.client.cost import FIRST_FLIGHT, OTHERS, Cost


@pytest.mark.parametrize(
    ("vouchers", "rest", "expected"),
    [
        (0, 2000, 0),
        (2000, 2000, 0),
        (FIRST_FLIGHT - OTHERS - 2000, 2000, 0),
        (FIRST_FLIGHT - OTHERS - 1999, 2000, 1),  # one octet too many
        (2000, FIRST_FLIGHT, 0),  # too long anyway
        (3 * FIRST_FLIGHT - OTHERS - 2000, 2000, 1),  # twice as much after the first
        (3 * FIRST_FLIGHT - OTHERS - 1999, 2000, 2),
        (64_000, 2000, 2),
    ],
)
def test_round_trips(vouchers: int, rest: int, expected: int) -> None:
    assert Cost(50, vouchers, 900, rest - 900).round_trips == expected
