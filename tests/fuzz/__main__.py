"""`python -m tests.fuzz [--seconds N] [TARGET...]`: fuzz each target in its own process, bounded in time and memory.

Starts from the committed seeds (`tests/fuzz/corpus`) and from what earlier runs found worth keeping (`build/fuzz`).
Exit codes: 0 nothing found, 1 something found, 2 usage, 3 a target did not run.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parents[2]
CORPUS: Final = Path(__file__).parent / "corpus"
STATE: Final = ROOT / "build" / "fuzz"
TARGETS: Final = (
    *("voucher", "request", "extension", "directory", "ocsp"),
    *("certificate", "signing_request", "status_request", "report", "statement"),
)
HANG_SECONDS: Final = 10  # for one input
MEMORY_MEGABYTES: Final = 1024
LONGEST_INPUT: Final = 20_000  # octets: more than a voucher may have
START_SECONDS: Final = 120  # to import, instrument, and run through a kept corpus
_WIDTH: Final = 120
_EXECUTIONS: Final = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_FINDING: Final = re.compile(r"Test unit written to (\S+)")


@dataclass(frozen=True)
class Outcome:
    """What came of one target: a `finding` is the file that reproduces it, a `fault` says why it did not run."""

    target: str
    executions: int = 0
    finding: str | None = None
    fault: str | None = None


def fuzz(target: str, seconds: int, state: Path = STATE, module: str = "tests.fuzz.one", seed: int = 0) -> Outcome:
    """Fuzz one target for so long; its output, its corpus and its findings are kept under `state`.

    The same `seed` makes the same inputs of the same corpus; 0 has libFuzzer draw one.
    """
    corpus, findings, log = (state / target / name for name in ("corpus", "findings", "log"))
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(
            sys.executable,
            "-m",
            module,
            target,
            f"-max_total_time={seconds}",
            f"-timeout={HANG_SECONDS}",
            f"-seed={seed}",
        ),
        *(f"-rss_limit_mb={MEMORY_MEGABYTES}", f"-max_len={LONGEST_INPUT}", "-print_final_stats=1"),
        *(f"-artifact_prefix={findings}/", str(corpus), str(CORPUS / target)),
    ]
    try:
        with log.open("wb") as out:
            bound = seconds + START_SECONDS
            code = subprocess.run(
                command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, timeout=bound, check=False
            ).returncode
    except subprocess.TimeoutExpired:
        return Outcome(target, fault=f"did not end; see {log}")
    said = log.read_text(errors="replace")
    executions, finding = _EXECUTIONS.search(said), _FINDING.search(said)
    if finding is None and (code or executions is None):
        return Outcome(target, fault=f"ended with {code}; see {log}")
    return Outcome(target, int(executions[1]) if executions else 0, finding[1] if finding else None)


@click.command()
@click.option("--seconds", type=click.IntRange(min=1), default=60, show_default=True, help="For each target.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=os.cpu_count(), show_default=True, help="Targets at a time."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of what is made up; 0, the default, draws one.")
@click.argument("targets", nargs=-1, type=click.Choice(TARGETS))
def main(seconds: int, jobs: int, seed: int, targets: Sequence[str]) -> None:
    """Fuzz TARGETs, or all of them."""
    if find_spec("atheris") is None:
        click.echo("fuzz: atheris is not installed; it is made for x86-64 only (see requirements/dev.in)", err=True)
        sys.exit(3)
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = [*pool.map(lambda target: fuzz(target, seconds, seed=seed), targets or TARGETS)]
    table = Table("target", "executions", "a second", "found", title="fuzz")
    for outcome in outcomes:
        colour = "red" if outcome.finding or outcome.fault else "green"
        numbers = f"{outcome.executions:,}", f"{outcome.executions // seconds:,}"
        table.add_row(f"[{colour}]{outcome.target}[/]", *numbers, outcome.fault or outcome.finding or "nothing")
    Console(width=_WIDTH).print(table)
    for outcome in outcomes:
        if outcome.finding:
            click.echo(
                f"fuzz: look again: {sys.executable} -m tests.fuzz.one {outcome.target} {outcome.finding}", err=True
            )
    sys.exit(1 if any(each.finding for each in outcomes) else 3 if any(each.fault for each in outcomes) else 0)


if __name__ == "__main__":
    main()
