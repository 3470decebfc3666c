"""What a verification found as one JSON document; its shape is `verify.schema.yml`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from testbed.report.outcome import Case, State, Suite, Trial, Verification, verdict_state
from testbed.scenarios.engine import Row
from testbed.scenarios.kinds import KINDS
from testbed.scenarios.scenario import Scenario
from testbed.scenarios.witnesses import WITNESSES

SCHEMA: Final = Path(__file__).with_name("verify.schema.yml")
_VERSION: Final = 2


def of(found: Verification, kept: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the document; `kept` names the files of each scenario's evidence, in its folder beside the document."""
    counts = found.counts
    return {
        "version": _VERSION,
        "lab": found.lab,
        "topology": found.plan.topology.name,
        "hosts": len(found.plan.topology.hosts),
        "begun": found.begun.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": found.seconds,
        "good": found.good,
        "interrupted": found.interrupted,
        "counts": {state.value: counts[state] for state in State},
        "suite": _suite(found.suite),
        "clients": [{"name": name, "says": kind.says} for name, kind in KINDS.items()],
        "witnesses": [{"name": name, "says": witness.says} for name, witness in sorted(WITNESSES.items())],
        "scenarios": [_trial(trial, kept.get(trial.scenario.name, [])) for trial in found.trials],
    }


def _suite(suite: Suite) -> dict[str, Any]:
    return {"state": suite.state.value, "reason": suite.reason, "cases": list(map(_case, suite.cases))}


def _case(case: Case) -> dict[str, Any]:
    return {
        "module": case.module,
        "name": case.name,
        "state": case.state.value,
        "seconds": case.seconds,
        "said": case.said,
    }


def _trial(trial: Trial, files: list[str]) -> dict[str, Any]:
    return {
        **_described(trial.scenario),
        "state": trial.state.value,
        "reason": trial.reason,
        "seconds": trial.seconds,
        "verdicts": list(_verdicts(trial)),
        "files": files,
    }


def _described(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "number": scenario.number,
        "title": scenario.title,
        "threat": scenario.threat.strip(),
        "proposal": scenario.proposal.strip(),
        "holds": list(scenario.holds),
        "note": scenario.note.strip(),
    }


def _verdicts(trial: Trial) -> Iterator[dict[str, Any]]:
    """Yield every verdict."""
    for row in trial.rows:
        yield {"scene": row.number, "title": row.scene, **_verdict(row)}


def _verdict(row: Row) -> dict[str, Any]:
    expected, observed = row.expected, row.observed
    return {
        "client": row.client,
        "expected": {"verdict": expected.verdict, "reasons": list(expected.reasons), "page": expected.page},
        "observed": {
            "verdict": observed.verdict,
            "reason": observed.reason,
            "page": observed.page,
            "seconds": observed.seconds,
        },
        "state": verdict_state(row).value,
        "evidence": row.evidence.name,
    }
