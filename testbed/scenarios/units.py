"""Programs that run on a host while a scenario does, each a transient unit of systemd (systemd-run(1))."""

from collections.abc import Sequence

from testbed.machine.limits import LIMITS
from testbed.scenarios.arena import Arena
from testbed.scenarios.hosts import must

# The timer first, which would start its service once more.
_STOP = """for unit in "$1.timer" "$1.service"; do
    systemctl stop "$unit"
    systemctl reset-failed "$unit"
done 2>/dev/null
exit 0"""
_RUN = ["systemd-run", "--quiet", "--collect"]


def serve(arena: Arena, host: str, unit: str, command: Sequence[str]) -> None:
    """Start a program, in the place of one of this name; it is there once it says that it is ready (sd_notify(3)).

    It ends by itself where nobody is left to end it.
    """
    stop(arena, host, unit)
    limits = ["--property=Type=notify", f"--property=RuntimeMaxSec={LIMITS.relay_seconds}", "--property=MemoryMax=256M"]
    must(arena.run, host, [*_RUN, f"--unit={unit}", "--property=NotifyAccess=all", *limits, "--", *command])


def repeat(arena: Arena, host: str, unit: str, seconds: int, command: Sequence[str]) -> None:
    """Run a program now, and so many seconds after each end, until it is stopped."""
    stop(arena, host, unit)
    times = ["--on-active=0", f"--on-unit-inactive={seconds}", "--timer-property=AccuracySec=100ms"]
    bound = f"--property=RuntimeMaxSec={LIMITS.command_seconds:.0f}"
    must(arena.run, host, [*_RUN, f"--unit={unit}", *times, bound, "--", *command])


def stop(arena: Arena, host: str, unit: str) -> None:
    """Stop a program, and what repeats it; nothing where there is none."""
    must(arena.run, host, ["sh", "-c", _STOP, "sh", unit])
