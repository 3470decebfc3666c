"""`testbed verify`: run the tests of the hosts and every scenario, and write what came out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mecai.errors import HostError
from testbed.cli.options import format_option, lab_option, open_lab
from testbed.cli.progress import Progress
from testbed.machine import tools
from testbed.machine.lab import Lab
from testbed.report import document, folder, trials
from testbed.report.outcome import State, Verification
from testbed.scenarios import reading
from testbed.scenarios.arena import Arena

_DIFFERENT = 1


@click.command()
@lab_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the results; default: verify/ among the lab's files, which down removes.",
)
@format_option
def command(lab_id: str | None, out: Path | None, form: str) -> int:
    """Run testinfra and every scenario on a running lab; exit code 1 when something is not as expected."""
    tools.require_root()
    driver, plan = open_lab(lab_id)
    into = out or driver.lab.directory / "verify"
    scenarios = reading.catalogue()
    folder.prepare(into)
    progress = Progress(Console(stderr=form == "json"))
    try:
        found = trials.verify(driver, Arena.of(driver, plan), scenarios, into, progress)
    finally:
        progress.stop()
    _tell(found, driver.lab, into, form)
    return 0 if found.good else _DIFFERENT


def _tell(found: Verification, lab: Lab, into: Path, form: str) -> None:
    """Write the results and say them; where they cannot be written they are said all the same."""
    result, failure = _write(found, lab, into)
    _say(found, result, form)
    if failure:
        raise HostError(failure)
    click.echo(f"results: {into}/verify.html, .json, .xml", err=form == "json")
    if found.interrupted:
        raise click.Abort


def _write(found: Verification, lab: Lab, into: Path) -> tuple[Mapping[str, Any], str]:
    """Return the document, and why it could not be written, if so."""
    try:
        return folder.write(into, lab, found), ""
    except OSError as error:
        return document.of(found, {}), f"{into}: results not written: {error.strerror}: give another folder with --out"


def _say(found: Verification, result: Mapping[str, Any], form: str) -> None:
    click.echo(json.dumps(result, indent=2) if form == "json" else _summary(found))


def _summary(found: Verification) -> str:
    return f"{_whole(found)}: {', '.join(f'{found.counts[state]} {state}' for state in State)}"


def _whole(found: Verification) -> str:
    if found.interrupted:
        return "broken off"
    return "as expected" if found.good else "not as expected"
