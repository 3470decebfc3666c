"""Put a client under the cases, and say what came of it."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.conformance.client import CRASH, HANG, Answer, Client
from tests.conformance.vectors import Vector

_PATIENCE = 5  # cases in a row without an answer, after which nothing more is asked
_WIDTH = 160  # columns, where the terminal does not say
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# What a client may do without, each as a whole, by the kind of its cases ("Conformance" in docs/spec/README.md).
OPTIONAL: Final = {
    "cached": "keeping vouchers (C5)",
    "choice": "a server's reading of voucher_request (section 5)",
    "intranet": "private networks (M4)",
    "request": "a VAS's reading of requests (section 4)",
}


@dataclass(frozen=True)
class Result:
    """One case, the answer to it, and what that comes to; `excused` says that this one may be skipped."""

    vector: Vector
    answer: Answer
    excused: bool = False

    @property
    def outcome(self) -> str:
        """PASSED, FAILED or SKIPPED; passed is an answer in which every expected member stands."""
        if self.answer["verdict"] == SKIPPED:
            return SKIPPED if self.excused else FAILED
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


def settle(results: Sequence[Result]) -> list[Result]:
    """Excuse the skips of each optional kind that was left out as a whole; every other skip is a failure."""
    tried = {result.vector.kind for result in results if result.answer["verdict"] != SKIPPED}
    return [replace(result, excused=result.vector.kind in OPTIONAL.keys() - tried) for result in results]


def conforming(results: Sequence[Result]) -> bool:
    """Say whether nothing failed."""
    return all(result.outcome != FAILED for result in results)


def left_out(results: Sequence[Result]) -> list[str]:
    """Return the kinds that were skipped."""
    return sorted({result.vector.kind for result in results if result.outcome == SKIPPED})


def said(results: Sequence[Result], total: int) -> str:
    """Return what the run says of the client, where the suite has `total` cases."""
    if not conforming(results):
        return "not conforming"
    if len(results) < total:
        return f"nothing failed; {len(results)} of {total} cases say nothing of conformance"
    without = [f"{kind}: {OPTIONAL[kind]}" for kind in left_out(results)]
    return "conforming" + (f", without {'; '.join(without)}" if without else "")


def summary(results: Sequence[Result]) -> str:
    """Return the last line of a run."""
    counts = Counter(result.outcome for result in results)
    return f"{counts[PASSED]} passed, {counts[FAILED]} failed, {counts[SKIPPED]} skipped"


def show(results: Sequence[Result], total: int) -> None:
    """Print what failed, what came of each kind, and what that says of the client, for a person."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    if failed := [result for result in results if result.outcome == FAILED]:
        console.print(_table(FAILED, failed))
    skipped = {result.vector.kind: result for result in results if result.outcome == SKIPPED}  # one says it for all
    if skipped:
        console.print(_table("skipped, one of each kind", list(skipped.values())))
    kinds = Table("kind", PASSED, FAILED, SKIPPED)
    for kind, counts in _by_kind(results).items():
        kinds.add_row(kind, *map(str, counts.values()))
    console.print(kinds)
    console.print(said(results, total), highlight=False, soft_wrap=True)


def document(command: str, results: Sequence[Result], total: int) -> str:
    """Return the whole run as JSON; `conforming` is null where nothing failed of a part of the suite."""
    counts = Counter(result.outcome for result in results)
    whole = len(results) == total
    return json.dumps(
        {
            "client": command,
            "conforming": conforming(results) if whole or not conforming(results) else None,
            "leftOut": left_out(results),
            **{outcome: counts[outcome] for outcome in (PASSED, FAILED, SKIPPED)},
            "kinds": _by_kind(results),
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


def _by_kind(results: Sequence[Result]) -> dict[str, dict[str, int]]:
    """Return how many cases of each kind passed, failed and were skipped."""
    counts = Counter((result.vector.kind, result.outcome) for result in results)
    kinds = sorted({result.vector.kind for result in results})
    return {kind: {outcome: counts[kind, outcome] for outcome in (PASSED, FAILED, SKIPPED)} for kind in kinds}


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
    """Return the members of the answer that are not as expected, where the verdict is, or why a skip is none."""
    answer, expected = result.answer, result.vector.expected
    if answer["verdict"] == SKIPPED and not result.excused:
        kind = result.vector.kind
        return "others of this kind are answered" if kind in OPTIONAL else f"no client does without {kind}"
    if answer["verdict"] != expected["verdict"]:
        return ""
    names = (name for name in expected if answer.get(name) != expected[name])
    return "; ".join(f"{name}: {_brief(answer.get(name))}, expected {_brief(expected[name])}" for name in names)


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
