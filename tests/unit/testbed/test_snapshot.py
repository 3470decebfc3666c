"""A lab's snapshot gives its plan back as it was made, whatever became of the topology file since."""

import json
from pathlib import Path

import pytest

from testbed.model import plan, reading
from testbed.model.snapshot import Snapshot, decode, encode
from testbed.roles import ROLES

PLAN = plan.make(reading.load(reading.find("small"), ROLES))
MADE = Snapshot("/checkout", "/checkout/small.yml", "0123456789abcdef", PLAN)


def test_what_was_written_is_read_back_equal() -> None:
    assert decode(encode(MADE)) == MADE


def test_addresses_come_from_the_snapshot_and_are_not_planned_anew() -> None:
    text = encode(MADE).replace("198.18.6.10/24", "198.18.6.77/24")
    assert decode(text).plan.addresses("www")[0] == "198.18.6.77"


@pytest.mark.parametrize("key", ["checkout", "source", "image", "plan"])
def test_a_part_that_is_missing_is_a_value_error(key: str) -> None:
    data = json.loads(encode(MADE))
    del data[key]
    with pytest.raises(ValueError, match=key):
        decode(json.dumps(data))


def test_an_address_that_is_none_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"198\.18\.6\.999"):
        decode(encode(MADE).replace("198.18.6.10/24", "198.18.6.999/24"))


def test_a_topology_of_many_routers_survives_too(tmp_path: Path) -> None:
    file = tmp_path / "line.yml"
    file.write_text(
        "{name: line, zones: {a: one, b: between, c: other}, hosts: {r: {role: router, zone: a, links: [b]}, "
        "s: {role: router, zone: b, links: [c]}}}"
    )
    made = Snapshot("/c", str(file), "0", plan.make(reading.load(file, ROLES)))
    assert made.plan.routes["r"]
    assert decode(encode(made)) == made
