"""The client under test: a program that reads one case per line and answers each with one line.

It is nobody's friend here: it may hang, die, or write garbage. Each of these is a verdict on the case at hand, within a
bound of time; then the program is started anew for the next one.
"""

import asyncio
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_LONGEST_ANSWER = 1024 * 1024  # octets of a line
HANG, CRASH, GARBAGE = "HANG", "CRASH", "GARBAGE"
Answer = dict[str, Any]


class UnusableClientError(Exception):
    """The command cannot be started at all; the message says why."""


def command_line(text: str) -> list[str]:
    """Return the words of a command; its program may lie beside this Python, as in a virtual environment.

    Raises `UnusableClientError`.
    """
    words = shlex.split(text)
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
    program = shutil.which(words[0], path=folders) if words else None
    if program is None:
        raise UnusableClientError(f"client {text!r}: no such program; expected a command that reads cases")
    return [program, *words[1:]]


@dataclass
class Client:
    """A program, running or not. `bound` is in seconds, for one answer, with the start of the program included."""

    command: Sequence[str]
    bound: float
    errors: IO[bytes]  # the program's standard error, rewound with every start
    _process: asyncio.subprocess.Process | None = None

    async def ask(self, identifier: str, line: bytes) -> Answer:
        """Return the answer to one case; its verdict is HANG, CRASH or GARBAGE where there is none."""
        try:
            async with asyncio.timeout(self.bound):
                answer = _read(identifier, await self._exchange(line))
        except TimeoutError:
            answer = _no_answer(HANG, f"no answer within {self.bound:g} s")
        except (EOFError, ConnectionError):
            answer = _no_answer(CRASH, self._last_words())
        except ValueError as error:
            answer = _no_answer(GARBAGE, str(error))
        if answer["verdict"] in {HANG, CRASH, GARBAGE}:
            await self.stop()
        return answer

    async def stop(self) -> None:
        """End the program and whatever it started."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _exchange(self, line: bytes) -> bytes:
        """Write one line and read one; raises `EOFError` where the program has ended."""
        process = self._process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        await process.stdin.drain()
        answered = await process.stdout.readline()
        if not answered.endswith(b"\n"):
            raise EOFError
        return answered

    async def _start(self) -> asyncio.subprocess.Process:
        self.errors.seek(0)
        self.errors.truncate()
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self.errors,
            limit=_LONGEST_ANSWER,
            start_new_session=True,
        )
        return self._process

    def _last_words(self) -> str:
        """Return the last line that the program wrote to its standard error."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it ended and said nothing")


@asynccontextmanager
async def running(command: Sequence[str], bound: float) -> AsyncIterator[Client]:
    """Give a client, and end it whatever happens."""
    with tempfile.TemporaryFile() as errors:
        client = Client(command, bound, errors)
        try:
            yield client
        finally:
            await client.stop()


def _read(identifier: str, line: bytes) -> Answer:
    """Return the answer that a line holds; raises `ValueError` for what is none to this case."""
    shown = line[:80].decode(errors="replace").strip()
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {shown}") from error
    match answer:
        case {"id": str(name)} if name != identifier:
            raise ValueError(f"an answer to {name!r}: {shown}")
        case {"id": str(), "verdict": "skipped"} if not answer.get("reason"):
            raise ValueError("skipped without a reason")
        case {"id": str(), "verdict": str()}:
            return dict(answer)
        case _:
            raise ValueError(f"no object with id and verdict: {shown}")


def _no_answer(verdict: str, reason: str) -> Answer:
    return {"verdict": verdict, "reason": reason}
