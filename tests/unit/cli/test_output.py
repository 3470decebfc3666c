"""What the verbs of `mecai` and `testbed` have in common where they answer: formats, and readers who leave."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mecai.cli.main import cli as mecai
from testbed.cli.main import cli as of_testbed
from tests.conformance.__main__ import main as conformance
from tests.patience import SECONDS


def options(command: click.Command) -> Iterator[tuple[str, click.Parameter]]:
    """Give the options of every verb below a command."""
    yield from ((str(command.name), option) for option in command.params)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            verb = command.get_command(context, name)
            assert verb is not None
            yield from options(verb)


def test_every_verb_knows_the_same_words_for_formats() -> None:
    found = [
        (verb, tuple(option.type.choices), option.default)
        for group in (mecai, of_testbed, conformance)
        for verb, option in options(group)
        if option.opts == ["--format"] and isinstance(option.type, click.Choice)
        if not option.required  # one that must be named is of a file, not of what is printed
    ]
    assert len(found) > 8
    assert {each[1:] for each in found} == {(("text", "json"), "text")}


@pytest.mark.parametrize("option", ["--every", "--timeout"])
@pytest.mark.parametrize("seconds", ["nan", "0", "inf", "-1"])
def test_seconds_are_a_number_within_bounds(option: str, seconds: str) -> None:
    done = CliRunner().invoke(mecai, ["client", "watch", "www.example.test", option, seconds])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output


def ended_unread(program: str, *words: str, bad: str = "stdout") -> subprocess.CompletedProcess[str]:
    """Run a program one of whose outputs is a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, bad: writer}
    command = [sys.executable, "-c", f"from {program}.cli.main import main; main()", *words]
    try:
        return subprocess.run(command, **streams, text=True, timeout=SECONDS, check=False)
    finally:
        os.close(writer)


@pytest.mark.parametrize("program", ["mecai", "testbed"])
@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_output_that_nobody_reads_is_no_verdict(program: str, words: tuple[str, ...]) -> None:
    """As of `| head`: neither a negative verdict (1) nor a traceback, but what a shell says of SIGPIPE."""
    done = ended_unread(program, *words)
    assert (done.returncode, done.stderr) == (141, "")


VOUCHER = Path("tests/fuzz/corpus/voucher/plain")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_table_that_nobody_reads_is_no_verdict(form: str) -> None:
    done = ended_unread("mecai", "voucher", "view", str(VOUCHER.resolve()), "--format", form)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("words", [("directory", "view", "/nowhere"), ("no-such-verb",)])
def test_an_error_that_nobody_reads_keeps_its_exit_code(words: tuple[str, ...]) -> None:
    heard, unheard = (ended_unread("mecai", *words, bad=bad).returncode for bad in ("stdin", "stderr"))
    assert unheard == heard in {2, 3}


PROGRAM = f"{sys.executable} -c 'from mecai.cli.main import main; main()'"


def ended_in_shell(words: str) -> subprocess.CompletedProcess[str]:
    """Run `mecai` with words as a shell reads them."""
    command = ["/bin/sh", "-c", f"{PROGRAM} {words}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (f"voucher view {VOUCHER} >&-", 0),
        ("directory view /nowhere <&- >&- 2>&-", 3),
        ("directory view /nowhere 2>/dev/full", 3),
        ("no-such-verb 2>/dev/full", 2),
    ],
)
def test_an_output_that_takes_nothing_changes_no_exit_code(words: str, code: int) -> None:
    """A verdict above all: an unhandled error would be 1."""
    done = ended_in_shell(words)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_output_that_is_full_is_named(form: str) -> None:
    done = ended_in_shell(f"voucher view {VOUCHER} --format {form} >/dev/full")
    assert done.returncode == 3
    assert re.fullmatch("mecai: standard output: cannot be written .*\n", done.stderr)


def test_no_verb_renames_onto_what_a_person_names() -> None:
    """He may name a device, such as /dev/null: `durable.keep` is for that."""
    found = {path.name for path in Path("mecai/cli").rglob("*.py") if "durable.replace(" in path.read_text()}
    assert found == {"sidecar_export.py", "vas_rollover.py"}  # which looks first; which has its names from settings


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_a_sign_shows_another(encoding: str) -> None:
    program = "import click; from mecai.cli.program import run; run(click.command()(lambda: print('\u2713')), 'mecai')"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=SECONDS, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"?\n", b"")
