"""A day passes for the worker of a Voucher Authority: it sends what is due when the day is over (faketime(1)).

The day is not waited for, but all that is to be done today. All other programs stay in the present.
"""

from datetime import UTC, datetime

from testbed.machine import waiting
from testbed.machine.limits import LIMITS
from testbed.scenarios import vas
from testbed.scenarios.arena import Arena
from testbed.scenarios.means.mean import Arguments, Mean, Parameter

_HOURS = 24
_SEEN = ["log", "--format", "json"]
_WAITS = "not yet tried"  # what the log says of a mail, or of finding out whom to tell


def _start(arena: Arena, arguments: Arguments) -> None:
    of = arguments["of"]
    waiting.until(
        lambda: _WAITS not in vas.operate(arena, of, _SEEN),
        LIMITS.mail_seconds,
        lambda: f"{of}: has mails left to send",
    )
    left = _HOURS - datetime.now(UTC).hour
    later = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", f"+{left}h"]
    vas.operate(arena, of, ["work", "--once"], before=later)


MEAN = Mean(
    name="next-day",
    says="the worker of a Voucher Authority does what is due when the day is over",
    parameters={"of": Parameter("host", "second")},
    start=_start,
)
