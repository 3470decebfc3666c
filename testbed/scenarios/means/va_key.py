"""The key of a Voucher Authority is stolen: one of its certificates, and the key below that, are the attacker's."""

from testbed.scenarios.means.stolen_key import stolen_key

MEAN = stolen_key(
    "va-key",
    "the attacker has a key that an authority's root certified for vouchers",
    of="second",
    tag="va",
    profile="va",
    called="vas.{}.test",
)
