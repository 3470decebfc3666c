"""The key of an intermediate CA is stolen: the root of an authority certified it, and the attacker issues with it."""

from testbed.scenarios.means.stolen_key import stolen_key

MEAN = stolen_key(
    "intermediate",
    "the attacker has the key of an intermediate CA, which an authority's root certified",
    of="rogue",
    tag="intermediate",
    profile="issuing",
    called="{} issuing CA",
    listed=True,
)
