"""What a link may suffer: delay, loss, a bound on its rate, and being down; as a person writes it, as numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mecai.errors import InputError

_DELAY = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_LOSS = re.compile(r"(\d+(?:\.\d+)?)%")
_RATE = re.compile(r"(\d+)(kbit|mbit|gbit)")
_MILLISECONDS = {"ms": 1.0, "s": 1000.0}
_KILOBITS = {"kbit": 1, "mbit": 1000, "gbit": 1000_000}
_WHOLE = 100  # percent


@dataclass(frozen=True)
class Impairment:
    """How a link is impaired, in each direction; without any value, not at all."""

    delay_milliseconds: float = 0
    loss_percent: float = 0
    rate_kilobits: int = 0
    down: bool = False

    @property
    def needs_netem(self) -> bool:
        """Whether the kernel must emulate it: a rate and a link that is down need no emulation."""
        return bool(self.delay_milliseconds or self.loss_percent)

    def __str__(self) -> str:
        """Say it as a person writes it."""
        words = [f"delay {self.delay_milliseconds:g}ms"] if self.delay_milliseconds else []
        words += [f"loss {self.loss_percent:g}%"] if self.loss_percent else []
        words += [f"rate {self.rate_kilobits}kbit"] if self.rate_kilobits else []
        return ", ".join([*words, *(["down"] if self.down else [])]) or "none"


def read(words: Mapping[str, Any]) -> Impairment:
    """Read the words `delay`, `loss`, `rate` and `down`; raises `InputError` for one that is none."""
    delay, delay_unit = _match("delay", words.get("delay"), _DELAY, "such as 20ms or 1s")
    loss, _ = _match("loss", words.get("loss"), _LOSS, "such as 0.5%")
    rate, rate_unit = _match("rate", words.get("rate"), _RATE, "such as 500kbit or 10mbit")
    if float(loss) > _WHOLE:
        raise InputError(f"loss: saw {words['loss']!r}; expected at most 100%")
    return Impairment(
        delay_milliseconds=float(delay) * _MILLISECONDS.get(delay_unit, 0),
        loss_percent=float(loss),
        rate_kilobits=int(rate) * _KILOBITS.get(rate_unit, 0),
        down=bool(words.get("down", False)),
    )


def _match(key: str, text: str | None, form: re.Pattern[str], example: str) -> tuple[str, str]:
    """Return number and unit, zero for a text that is not there."""
    if text is None:
        return "0", ""
    if not (found := form.fullmatch(text)):
        raise InputError(f"{key}: saw {text!r}; expected a number with its unit, {example}")
    return found[1], found[2] if form.groups > 1 else ""
