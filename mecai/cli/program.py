"""What `mecai` and `testbed` share: verbs found by name, every named error as clear lines and an exit code.

Exit codes: 0 good, 1 verdict negative, 2 usage or bad input, 3 environment; 130 interrupted; 141 nobody read the output
to its end (`| head`). The last two are what a shell says of a program that SIGINT or SIGPIPE ended.
"""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from mecai.errors import HostError, MecaiError
from mecai.service.printable import printable

_INTERRUPTED: Final = 130
_UNREAD: Final = 141
_STDIN: Final = 0  # its descriptor, as the next two
_STDOUT: Final = 1
_STDERR: Final = 2
# What the system says of an output that takes no more. Files are named by whoever writes them (`durable`).
_UNWRITTEN: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_OURS: Final = ("mecai", "testbed")


class Verbs(click.Group):
    """Verbs by name with a line each; `PACKAGE.VERB` has the attribute `command` and is loaded only when asked for.

    `extras` names, for a verb that needs more than the wheel's base, the wheel's extra that brings it.
    """

    def __init__(
        self,
        *,
        verbs: Mapping[str, str],
        package: str,
        extras: Mapping[str, str],
        **attributes: Any,  # noqa: ANN401 - click's
    ) -> None:
        super().__init__(context_settings={"help_option_names": ["-h", "--help"]}, **attributes)
        self._verbs = dict(sorted(verbs.items()))
        self._package = package
        self._extras = extras

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs."""
        del ctx
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb, None where there is none of that name; raises `HostError` where its extra is not installed."""
        del ctx
        if cmd_name not in self._verbs:
            return None
        try:
            command: click.Command = import_module(f"{self._package}.{cmd_name.replace('-', '_')}").command
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if cmd_name not in self._extras or missing in _OURS:
                raise
            extra = f"mecai[{self._extras[cmd_name]}]"
            raise HostError(f"{cmd_name}: {missing} is not installed: pip install '{extra}'") from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without loading them."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(self._verbs.items()))


def later(reference: str) -> Callable[..., Any]:
    """Return a function that is loaded, as MODULE:NAME, when it is first called: so help does without it."""

    def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - those of the function
        return loaded(reference)(*arguments, **options)

    return call


def loaded(reference: str) -> Callable[..., Any]:
    """Load a function, as MODULE:NAME, now."""
    module, name = reference.split(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def run(command: click.Command, name: str, interrupted: str = "interrupted") -> NoReturn:
    """Run the command line; never shows a traceback for an error that has a name.

    A verb finds in its context's `obj` when the program started (`time.monotonic`).
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✓ shows ?, and the exit code is the verdict's
    try:
        code = command.main(standalone_mode=False, prog_name=name, obj=time.monotonic())
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # so, with 1, do click and rich end where nobody reads their output
        _end_unread()
    except MecaiError as error:
        _end(error.exit_code, f"{name}: {error}", error.diagnostics())
    except OSError as error:
        _end(HostError.exit_code, f"{name}: {_said(error)}")
    except click.ClickException as error:
        with _perhaps_unheard():
            error.show()
        _end(2)
    except click.Abort:
        _end(_INTERRUPTED, f"{name}: {interrupted}")
    raise SystemExit(code if isinstance(code, int) else 0)


def _open_what_is_closed() -> None:
    """Let an output that the caller has closed (`>&-`) be nobody's: the next file opened would have its descriptor."""
    for descriptor in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
    sys.stdin = sys.stdin or _nobody("r")
    sys.stdout = sys.stdout or _nobody("w")
    sys.stderr = sys.stderr or _nobody("w")


def _nobody(mode: str) -> Any:  # noqa: ANN401 - a file of text; each stream has a type of its own
    return Path(os.devnull).open(mode, encoding="utf-8")


def _said(error: OSError) -> str:
    """Say what failed, and how; an output that took nothing is let go, or the interpreter would end by its own code."""
    what = error.strerror or str(error)
    if error.filename is not None:
        return f"{error.filename}: {what}"
    if error.errno in _UNWRITTEN:
        _discard(_STDOUT)
        return f"standard output: cannot be written ({what}); what was to be said is lost"
    return what


def _end(code: int, *lines: str) -> NoReturn:
    with _perhaps_unheard():
        for line in filter(None, lines):
            click.echo(printable(line), err=True)
    raise SystemExit(code)


def _end_unread() -> NoReturn:
    """End without a word."""
    _discard(_STDOUT)
    raise SystemExit(_UNREAD)


@contextmanager
def _perhaps_unheard() -> Iterator[None]:
    """Say something on stderr that nobody need hear: the exit code says it as well."""
    try:
        yield
    except OSError:  # nobody reads it, or its disk is full
        _discard(_STDERR)


def _discard(descriptor: int) -> None:
    """Let what is still to be written go nowhere when the interpreter ends; Python 3.13 would end with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
