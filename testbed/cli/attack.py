"""`testbed attack`: play attacks on a running lab, and compare every client's verdict with the expected one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from mecai.errors import HostError, InputError
from testbed.cli.options import format_option, lab_option, open_lab
from testbed.cli.progress import shown
from testbed.cli.tables import show_table
from testbed.drivers.driver import Driver
from testbed.machine import tools
from testbed.scenarios import casting, engine, journal, reading
from testbed.scenarios.arena import Arena
from testbed.scenarios.engine import Played, Row
from testbed.scenarios.scenario import Scenario

_DIFFERENT = 1
_CALM = "nothing is under way"


@click.group()
def command() -> None:
    """Play attacks on a running lab: real means, real clients, expected verdicts."""


@command.command("list")
@format_option
def list_(form: str) -> None:
    """Name the scenarios."""
    found = reading.catalogue()
    if form == "json":
        rows = [{"name": each.name, "number": each.number, "title": each.title} for each in found]
        click.echo(json.dumps({"scenarios": rows}, indent=2))
    else:
        show_table(Console(), ("no", "scenario", "what happens"), ((str(s.number), s.name, s.title) for s in found))


@command.command()
@click.argument("name")
@format_option
def show(name: str, form: str) -> None:
    """Say what a scenario is: the threat, what the attacker holds, its steps, the verdicts."""
    scenario = reading.find(name)
    click.echo(json.dumps(asdict(scenario), indent=2) if form == "json" else "\n".join(_described(scenario)))


@command.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every scenario that ships with the testbed.")
@lab_option
@format_option
def run(names: tuple[str, ...], *, everything: bool, lab_id: str | None, form: str) -> int:
    """Play scenarios, each to its end; exit code 1 when a verdict differs from the expected one, 3 when one breaks.

    Of all, those are left out for which the lab's topology has not everybody.
    """
    if bool(names) == everything:
        raise click.UsageError("name scenarios, or give --all")
    scenarios = reading.catalogue() if everything else [reading.find(name) for name in names]
    arena, driver = _arena(lab_id)
    left_out = casting.left_out(arena, scenarios)
    if left_out and not everything:
        raise InputError(next(iter(left_out.values())))
    broken: dict[str, str] = {}
    played = list(_play(arena, driver, [each for each in scenarios if each.name not in left_out], form, broken))
    _conclude(played, broken, left_out, form)
    return HostError.exit_code if broken else 0 if all(each.good for each in played) else _DIFFERENT


@command.command()
@click.argument("name")
@lab_option
def start(name: str, lab_id: str | None) -> None:
    """Begin a scenario and leave it under way, to look around; `stop` ends it."""
    scenario, (arena, _) = reading.find(name), _arena(lab_id)
    with arena.lab.lock(), shown(name, "begins") as note:
        engine.start(arena, scenario, note)
    click.echo(f"under way: {scenario.title}\nend it with: testbed attack stop --lab {arena.lab.id}")


@command.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Whatever is under way.")
@lab_option
def stop(name: str | None, *, everything: bool, lab_id: str | None) -> None:
    """End what is under way and heal the lab."""
    arena, _ = _arena(lab_id)
    with arena.lab.lock():
        known = journal.read(arena.lab)
        if known and name and not everything and name != known.scenario:
            raise InputError(f"scenario {name} is not under way: {known.scenario} is")
        stopped = journal.stop(arena)
    click.echo(f"stopped: {', '.join(stopped)}" if stopped else _CALM)


def _conclude(played: Iterable[Played], broken: Mapping[str, str], left_out: Mapping[str, str], form: str) -> None:
    """Answer what was played, and say what was left out or broke, and why."""
    if form == "json":
        found = {"scenarios": list(map(_result, played)), "broken": _told(broken), "left_out": _told(left_out)}
        click.echo(json.dumps(found, indent=2))
    else:
        for name, reason in left_out.items():
            click.echo(f"left out: {name}: {reason}")
    for name, reason in broken.items():
        click.echo(f"broke: {name}: {reason}", err=True)


def _arena(lab_id: str | None) -> tuple[Arena, Driver]:
    tools.require_root()
    driver, plan = open_lab(lab_id)
    return Arena.of(driver, plan), driver


def _play(
    arena: Arena, driver: Driver, scenarios: Iterable[Scenario], form: str, broken: dict[str, str]
) -> Iterable[Played]:
    """Play each, whatever becomes of the one before; `broken` gets the names of those that broke, and why."""
    console = Console(highlight=False)
    with arena.lab.lock():
        for scenario in scenarios:
            try:
                with shown(scenario.name, "begins") as note:
                    played = engine.play(driver, arena, scenario, note)
            except HostError as error:
                broken[scenario.name] = str(error)
                continue
            if form == "text":
                _show_played(console, played)
            yield played


def _show_played(console: Console, played: Played) -> None:
    console.print(f"[bold]{played.scenario.number:>2} {played.scenario.name}[/]: {played.scenario.title}")
    for (_, scene), rows in groupby(played.rows, lambda row: (row.number, row.scene)):
        console.print(f"   {scene}", style="dim")
        show_table(console, ("   client", "verdict", ""), map(_row, rows))


def _row(row: Row) -> tuple[str | Text, ...]:
    mark = Text("✓", "green") if row.good else Text(f"✗ expected: {row.expected}", "bold red")
    return (f"   {row.client}", str(row.observed), mark)


def _told(reasons: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "reason": reason} for name, reason in reasons.items()]


def _result(played: Played) -> dict[str, Any]:
    rows = [
        {
            "scene": row.scene,
            "client": row.client,
            "expected": row.expected.verdict,
            "observed": row.observed.verdict,
            "reason": row.observed.reason or None,
            "page": row.observed.page or None,
            "seconds": row.observed.seconds,
            "good": row.good,
            "evidence": str(row.evidence),
        }
        for row in played.rows
    ]
    return {"name": played.scenario.name, "number": played.scenario.number, "good": played.good, "verdicts": rows}


def _described(scenario: Scenario) -> Iterable[str]:
    yield f"{scenario.number} {scenario.name}: {scenario.title}"
    yield from ("", scenario.threat.strip(), "", f"The proposal: {scenario.proposal.strip()}")
    yield f"The attacker holds: {', '.join(scenario.holds) or 'nothing'}"
    for scene in scenario.scenes:
        yield from ("", f"{scene.title}:")
        yield from (f"  {step.mean} {dict(step.arguments)}" for step in scene.steps)
        yield from (f"  {kind}: {expected}" for kind, expected in scene.verdicts.items())
    if scenario.note:
        yield from ("", scenario.note.strip())
