"""`python -m tests.conformance`: put a client under the cases, make the vectors, show one, measure the suite.

The last line of a run is `N passed, N failed, N skipped`. Exit codes: 0 nothing failed, 1 something did (with
`--strict`: or was skipped), 2 usage.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase

import click
from rich.console import Console
from rich.progress import Progress

from mecai.cli.arguments import with_format
from tests.conformance import differ as differences
from tests.conformance import mutation, runner, vectors
from tests.conformance.client import UnusableClientError, command_line, running
from tests.conformance.vectors import Vector

OWN_CLIENT = "mecai conformance-client"
_BOUND = 10  # seconds for one answer


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--client", "command", default=OWN_CLIENT, show_default=True, help="The command to put under the cases.")
@click.option("--case", "pattern", default="*", help="Only cases whose name matches, such as 'v9-*'.")
@click.option(
    "--timeout", "bound", type=click.FloatRange(0.1, 600), default=_BOUND, show_default=True, help="Seconds per case."
)
@click.option("--strict", is_flag=True, help="Let nothing be skipped, what a client may do without included.")
@with_format
@click.pass_context
def main(context: click.Context, *, command: str, pattern: str, bound: float, strict: bool, style: str) -> None:
    """Put any client under the conformance cases of docs/conformance.md."""
    if context.invoked_subcommand is not None:
        return
    every = vectors.load()
    chosen = [vector for vector in every if fnmatchcase(vector.identifier, pattern)]
    if not chosen:
        raise click.UsageError(f"no case is called {pattern!r}")
    try:
        results = asyncio.run(_run(command_line(command), bound, chosen))
    except UnusableClientError as error:
        raise click.UsageError(str(error)) from error
    if style == "json":
        click.echo(runner.document(command, results, len(every)))
    else:
        runner.show(results, len(every))
    click.echo(runner.summary(results), err=style == "json")
    sys.exit(not runner.conforming(results) or (strict and bool(runner.left_out(results))))


@main.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where the committed vectors differ.")
def generate(*, check: bool) -> None:
    """Make the vectors again, the same octets in every run."""
    if not check:
        vectors.write()
    elif differing := vectors.differences():
        raise click.ClickException("; ".join(differing) + ": run `python -m tests.conformance generate`")
    click.echo(f"{len(vectors.load())} cases in {vectors.FOLDER.name}/")


@main.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one case, with all octets in place."""
    found = next((vector for vector in vectors.load() if vector.identifier == name), None)
    if found is None:
        raise click.UsageError(f"no case is called {name!r}")
    click.echo(f"{name} ({', '.join(found.rules)})\n\n{found.description}\n")
    click.echo(json.dumps({"kind": found.kind, "input": found.question, "expected": found.expected}, indent=2))


@main.command()
@click.option("--match", "pattern", default="*", help="Only mutants whose file and lines match, such as 'path.py:*'.")
@click.option(
    "--every", "step", type=click.IntRange(1), default=1, show_default=True, help="Only every so many of them."
)
@click.option("--write", is_flag=True, help="Note which case noticed which mutant, so that the next run is quicker.")
def mutants(*, pattern: str, step: int, write: bool) -> None:
    """Break the plain client line by line: every mutant that breaks a rule has to fail a case; exit 1 if one does not.

    One that comes to no end or cannot be started fails the run, too, and so does a line of the table that does not fit
    the client. The last line counts them.
    """
    chosen = [mutant for mutant in mutation.read_table() if fnmatchcase(mutant.name, pattern)][::step]
    if not chosen:
        raise click.UsageError(f"no mutant matches {pattern!r}")
    if misfits := mutation.misfits(chosen):
        raise click.ClickException("\n".join(misfits))
    running_ = mutation.run(chosen, vectors.load(), mutation.read_killers())
    with Progress(
        console=Console(stderr=True), transient=True, auto_refresh=False
    ) as progress:  # no thread beside forks
        verdicts = list(progress.track(running_, total=len(chosen), description="mutants"))
    for verdict in verdicts:
        if verdict.outcome != mutation.KILLED:
            click.echo(verdict.line())
    if write:
        mutation.write_killers(verdicts)
    click.echo(mutation.summary(verdicts))
    sys.exit(any(verdict.outcome not in mutation.GOOD for verdict in verdicts))


@main.command()
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True, help="How many inputs.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same inputs.")
@click.option("--only", type=click.IntRange(0), help="Only the input of this number, shown with all its octets.")
@click.option(
    "--client", "command", metavar="CMD", help="Compare this one with the plain client, not this project's own."
)
def differ(*, count: int, seed: int, only: int | None, command: str | None) -> None:
    """Compare both clients on cases with a fault more; exit 1 where they differ.

    A line for each difference, the plain client last; the last line counts.
    """
    numbers = range(count) if only is None else [only]
    differing = 0
    with _outside(command) if command else nullcontext() as first:
        for compared in differences.compare(vectors.load(), seed, numbers, first):
            if only is not None:
                click.echo(json.dumps({"kind": compared.vector.kind, "input": compared.question}, indent=2))
            if not compared.alike:
                differing += 1
                click.echo(compared.line())
    click.echo(f"{len(numbers)} inputs, {differing} differing")
    sys.exit(bool(differing))


def _outside(command: str) -> AbstractContextManager[differences.Ask]:
    try:
        return differences.outside(command_line(command), _BOUND)
    except UnusableClientError as error:
        raise click.UsageError(str(error)) from error


async def _run(command: Sequence[str], bound: float, chosen: Sequence[Vector]) -> list[runner.Result]:
    async with running(command, bound) as client:
        return runner.settle([result async for result in runner.put_under(client, chosen)])


if __name__ == "__main__":
    main(prog_name="python -m tests.conformance")
