"""Put a client under the cases, and say what came of it."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.conformance.client import CRASH, HANG, Answer, Client
from tests.conformance.vectors import Vector

_PATIENCE = 5  # cases in a row without an answer, after which nothing more is asked
_WIDTH = 160  # columns, where the terminal does not say
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Result:
    """One case, the answer to it, and what that comes to."""

    vector: Vector
    answer: Answer

    @property
    def outcome(self) -> str:
        """PASSED, FAILED or SKIPPED; passed is an answer in which every expected member stands."""
        if self.answer["verdict"] == SKIPPED:
            return SKIPPED
        right = all(name in self.answer and self.answer[name] == value for name, value in self.vector.expected.items())
        return PASSED if right else FAILED


async def put_under(client: Client, vectors: Sequence[Vector]) -> AsyncIterator[Result]:
    """Ask every case in turn. A client that never answers is given up, and the rest counts as failed."""
    silent = 0
    for vector in vectors:
        if silent == _PATIENCE:
            yield Result(vector, {"verdict": "NOT ASKED", "reason": f"no answer to {_PATIENCE} cases in a row"})
            continue
        answer = await client.ask(vector.identifier, vector.line())
        silent = silent + 1 if answer["verdict"] in {HANG, CRASH} else 0
        yield Result(vector, answer)


def summary(results: Sequence[Result]) -> str:
    """Return the last line of a run."""
    counts = Counter(result.outcome for result in results)
    return f"{counts[PASSED]} passed, {counts[FAILED]} failed, {counts[SKIPPED]} skipped"


def show(results: Sequence[Result]) -> None:
    """Print what failed and what was skipped, for a person."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for outcome in (FAILED, SKIPPED):
        chosen = [result for result in results if result.outcome == outcome]
        if chosen:
            console.print(_table(outcome, chosen))


def document(command: str, results: Sequence[Result]) -> str:
    """Return the whole run as JSON."""
    counts = Counter(result.outcome for result in results)
    return json.dumps(
        {
            "client": command,
            **{outcome: counts[outcome] for outcome in (PASSED, FAILED, SKIPPED)},
            "cases": [
                {
                    "id": result.vector.identifier,
                    "rules": result.vector.rules,
                    "outcome": result.outcome,
                    "expected": result.vector.expected,
                    "observed": result.answer,
                }
                for result in results
            ],
        },
        indent=2,
    )


def _table(title: str, results: Sequence[Result]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("case", "rules", "expected", "observed", "detail"):
        table.add_column(heading, overflow="fold")
    for result in results:
        answer = result.answer
        cells = (
            result.vector.identifier,
            " ".join(result.vector.rules),
            _verdict(result.vector.expected),
            _verdict(answer),
            str(answer.get("detail") or _differing(result) or ""),
        )
        table.add_row(*map(escape, cells))
    return table


def _verdict(answer: Answer) -> str:
    reason = answer.get("reason")
    return f"{answer['verdict']}: {reason}" if reason else str(answer["verdict"])


def _differing(result: Result) -> str:
    """Return the members of the answer that are not as expected, where the verdict is."""
    answer, expected = result.answer, result.vector.expected
    if answer["verdict"] != expected["verdict"]:
        return ""
    names = (name for name in expected if answer.get(name) != expected[name])
    return "; ".join(f"{name}: {_brief(answer.get(name))}, expected {_brief(expected[name])}" for name in names)


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
