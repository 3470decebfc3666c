"""What several verbs take in the same way: options, files, times, and bytes that have to parse."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mecai.errors import InputError, Malformed
from mecai.service.durable import host_errors
from mecai.service.named import LARGEST, read_named

Command = TypeVar("Command", bound=Callable[..., Any] | click.Command)

FILE: Final = click.Path(path_type=Path)

with_format: Final = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to answer."
)


def config_option(path: str, what: str) -> Callable[[Command], Command]:
    """Return the option `--config`, which `path` stands for where it is not given: `config_path` of a verb."""
    default = Path(path)
    return click.option("--config", "config_path", type=FILE, default=default, show_default=True, help=what)


class Moment(click.ParamType[datetime]):
    """A time with its zone, such as 2026-03-02T12:00:00Z; becomes UTC in whole seconds."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time, or fail with what was expected."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"{value!r} is no time; expected for example 2026-03-02T12:00:00Z", param, ctx)
        try:
            return moment.astimezone(UTC).replace(microsecond=0)
        except OverflowError:
            self.fail(f"{value!r} is before the year 1 or after 9999 in UTC", param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds within bounds, both included; `nan`, which no comparison keeps out, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - click's
        """Return the number, or fail with what was expected."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is no number of seconds; expected one from {self.min} to {self.max}", param, ctx)
        return found


class Content(click.ParamType[bytes]):
    """What a file or a pipe holds, or standard input (`-`); bounded as `read_named` is."""

    name = "filename"

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the octets, or fail with what the system says."""
        if isinstance(value, bytes):
            return value
        if value == "-":
            return sys.stdin.buffer.read(LARGEST)
        try:
            return read_named(Path(value))
        except OSError as error:
            self.fail(f"{value!r}: {error.strerror}", param, ctx)


def now() -> datetime:
    """Return the time of this machine's clock in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def file_mode() -> int:
    """Return the mode of a file that a person asks for, as the process's umask has it (umask(2) has no other way)."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def read(path: Path) -> bytes:
    """Return a file's content; raises `HostError`."""
    with host_errors(path, "read"):
        return read_named(path)


@contextmanager
def input_from(path: Path | str) -> Iterator[None]:
    """Turn `Malformed` into `InputError` that names the file: bad input (2), not a negative verdict (1)."""
    try:
        yield
    except Malformed as error:
        raise InputError(f"{path}: {error.detail}") from error
