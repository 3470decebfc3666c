"""The same work for several things at once, each in a thread of its own but the first, which the caller does."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mecai.service.logs import carried

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def at_once(work: Callable[[Thing], Result], things: Sequence[Thing], name: str) -> tuple[Result, ...]:
    """Return what `work` makes of each thing, in their order; raises what it raises. `name` is that of the threads."""
    if len(things) <= 1:  # starting a thread costs as much as what many have it do
        return tuple(map(work, things))
    with ThreadPoolExecutor(max_workers=len(things) - 1, thread_name_prefix=name) as pool:
        others = [pool.submit(carried(work), thing) for thing in things[1:]]
        return (work(things[0]), *(other.result() for other in others))
