"""What a link suffers is said with units, read strictly, kept with the lab, and told to the driver as it was meant."""

from pathlib import Path

import pytest

from mecai.errors import InputError
from testbed.model import impairment, plan, reading
from testbed.model.impairment import Impairment
from testbed.model.snapshot import Snapshot, decode, encode
from testbed.roles import ROLES

SMALL = (reading.BUILT_IN / "small.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected", "said"),
    [
        ({}, Impairment(), "none"),
        ({"delay": "20ms"}, Impairment(delay_milliseconds=20), "delay 20ms"),
        ({"delay": "1.5s", "loss": "0.5%"}, Impairment(1500, 0.5), "delay 1500ms, loss 0.5%"),
        ({"rate": "10mbit", "down": True}, Impairment(rate_kilobits=10_000, down=True), "rate 10000kbit, down"),
    ],
)
def test_words_become_numbers(words: dict[str, str | bool], expected: Impairment, said: str) -> None:
    assert impairment.read(words) == expected
    assert str(expected) == said
    assert expected.needs_netem == bool({"delay", "loss"} & set(words))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"delay": "20"}, r"^delay: saw '20'; expected a number with its unit, such as 20ms or 1s$"),
        ({"loss": "101%"}, r"^loss: saw '101%'; expected at most 100%$"),
        ({"rate": "-1mbit"}, r"^rate: saw '-1mbit'; expected a number"),
    ],
)
def test_what_has_no_unit_or_no_sense_is_refused(words: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        impairment.read(words)


def test_a_topology_may_impair_a_zone_and_the_snapshot_knows(tmp_path: Path) -> None:
    text = SMALL.replace("backbone: what", "backbone: {impair: {rate: 10mbit}, meaning: what").replace(
        "the router's own\n", "the router's own}\n"
    )
    made = Snapshot("/checkout", str(tmp_path), "0", plan.make(reading.parse(text, "small.yml", ROLES)))
    assert made.plan.topology.zone("backbone").impairment == Impairment(rate_kilobits=10_000)
    assert decode(encode(made)) == made
    with pytest.raises(InputError, match=r"zones\.backbone\.impair\.rate: saw '10'; expected a mapping with some of"):
        reading.parse(text.replace("10mbit", "'10'"), "small.yml", ROLES)
