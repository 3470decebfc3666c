"""The arithmetic of measurements, on a clock that the work itself moves; the shape of what is written."""

import json
import random
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import measure
from benchmarks.measure import Result, Work, limited, paired, sized, summary


class Time:
    """A clock that only work moves."""

    def __init__(self) -> None:
        self.nanoseconds = 0

    def __call__(self) -> int:
        """Read it."""
        return self.nanoseconds


@pytest.fixture
def clock() -> Time:
    """Stand for the processor's clock."""
    return Time()


def taking(clock: Time, microseconds: int) -> Work:
    """Return work that takes so long."""

    def work() -> None:
        clock.nanoseconds += microseconds * 1000

    return work


def test_twice_as_long_is_half_as_good(clock: Time) -> None:
    result = paired("name", taking(clock, 20), taking(clock, 10), "other", required=0.5, clock=clock)
    assert (result.value, result.unit, result.ratio, result.spread) == (20.0, "µs", 0.5, 0.0)
    assert result.good
    assert not paired("name", taking(clock, 21), taking(clock, 10), "other", required=0.5, clock=clock).good


def test_what_others_add_does_not_count(clock: Time) -> None:
    calls = iter(range(10**9))

    def disturbed() -> None:
        clock.nanoseconds += 10_000 if next(calls) % 1000 < 500 else 30_000

    result = paired("name", disturbed, taking(clock, 10), "other", clock=clock)
    assert (result.value, result.ratio) == (10.0, 1.0)
    assert result.spread > 0.2
    assert result.typical < 1.0


def test_the_standard_error_is_that_of_the_median() -> None:
    """Of a normal distribution the median's is 1.2533 times that of the mean."""
    numbers = random.Random(1)  # noqa: S311 - no secret is drawn
    median, spread, error = summary([numbers.gauss(1.0, 0.1) for _ in range(2500)])
    assert median == pytest.approx(1.0, abs=0.01)
    assert spread == pytest.approx(0.1 * 0.6745, rel=0.1)
    assert error == pytest.approx(1.2533 * 0.1 / 2500**0.5, rel=0.25)


def test_neither_is_always_first(clock: Time) -> None:
    turns: list[str] = []

    def work(name: str) -> None:
        clock.nanoseconds += 1_000_000
        turns.append(name)

    paired("name", partial(work, "ours"), partial(work, "others"), "other", clock=clock, runs=100)
    pairs = Counter(zip(turns[-200::2], turns[-199::2], strict=True))
    assert pairs.keys() == {("ours", "others"), ("others", "ours")}
    assert min(pairs.values()) > 30


def test_a_limit(clock: Time) -> None:
    assert limited("name", taking(clock, 25), 50, clock=clock).ratio == 2.0
    assert not limited("name", taking(clock, 60), 50, clock=clock).good


def test_sizes() -> None:
    assert sized("name", bytes(1100), 2200, "limit").ratio == 2.0
    assert not sized("name", bytes(2201), 2200, "limit").good
    assert sized("name", bytes(2201), None, "itself").good


def test_what_programs_read(tmp_path: Path) -> None:
    program.write(tmp_path / "results", "name", measure.machine(), [Result("a", 1.5, "µs", 2.0, "b", 0.1, 3, 1.9)])
    document = json.loads((tmp_path / "results" / "name.json").read_text())
    assert document["machine"].keys() >= {"processor", "cores", "load", "python", "cryptography"}
    assert document["results"] == [
        {
            "name": "a",
            "value": 1.5,
            "unit": "µs",
            "ratio": 2.0,
            "against": "b",
            "spread": 0.1,
            "runs": 3,
            "typical": 1.9,
            "required": None,
            "error": 0.0,
        }
    ]


def test_results_go_where_they_are_wanted(tmp_path: Path) -> None:
    assert program.main(["--results", str(tmp_path), "voucher_size"]) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["voucher_size.json"]


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["nothing"])
    assert ended.value.code == 2
    assert "there are: voucher_verification" in capsys.readouterr().err
