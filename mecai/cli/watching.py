"""What `mecai client watch` does, loaded when it does it: the same hosts again and again, and what became of each."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from mecai.cli.show.watch import WatchTable
from mecai.client.document import Document
from mecai.client.policy import read_policy
from mecai.client.request import Destination
from mecai.client.trust import Trust
from mecai.client.verdict import Outcome
from mecai.client.visit import visit
from mecai.errors import VerificationError

_AT_ONCE: Final = 16  # connections


@dataclass(frozen=True)
class _Watch:
    """Which hosts, how often (seconds), how many times (None: until a signal), and how long each may take at most."""

    destinations: Sequence[Destination]
    trust: Trust
    every: float
    count: int | None
    patience: float
    tell: Callable[[Sequence[Document]], object]

    async def rounds(self) -> Sequence[Document]:
        """Visit, tell, wait; a signal ends the waiting, a round that has begun is ended first. Returns the last one."""
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        places, done = asyncio.Semaphore(_AT_ONCE), 0
        while True:
            begun = loop.time()
            found = await asyncio.gather(*(self._visit(each, places) for each in self.destinations))
            self.tell(found)
            done += 1
            if done == self.count or await _set_before(ended, begun + self.every - loop.time()):
                return found

    async def _visit(self, destination: Destination, places: asyncio.Semaphore) -> Document:
        async with places:
            return (await visit(destination, await self.trust.context(), self.patience)).document


def watch(
    hosts: Sequence[str],
    *,
    every: float,
    count: int | None,
    timeout: float,
    config: Path,
    mode: str | None,
    profile: str | None,
    style: str,
) -> int:
    """Visit the hosts until SIGINT or SIGTERM, or `count` times; returns the exit code of the last round."""
    destinations = list(dict.fromkeys(map(Destination.of_host, hosts)))
    policy = replace(read_policy(config).instead(mode, profile), resume=False)  # each round judges anew
    trust = Trust(policy)
    table = WatchTable([each.url for each in destinations])
    drawn = style == "text" and sys.stdout.isatty()
    tell = table.update if drawn else table.print if style == "text" else _print_lines
    with table.live() if drawn else nullcontext():
        last = asyncio.run(_Watch(destinations, trust, every, count, timeout, tell).rounds())
    refused = any(each["verdict"] == Outcome.REFUSED for each in last)
    return VerificationError.exit_code if refused else 0


async def _set_before(event: asyncio.Event, seconds: float) -> bool:
    """Wait at most that long; tells whether the event came."""
    try:
        await asyncio.wait_for(event.wait(), max(seconds, 0))
    except TimeoutError:
        return False
    return True


def _print_lines(found: Sequence[Document]) -> None:
    """Print a line for each visit, for programs."""
    for document in found:
        click.echo(json.dumps(document))
