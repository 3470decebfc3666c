"""The document as one page (HTML) that needs nothing else: no script, no font, no picture from elsewhere.

Texts of foreign servers end in it. They stay text (templates escape), and a policy in the page forbids whatever could
be fetched or run, should one ever become more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testbed.report.junit import words
from testbed.report.rendering import render


@dataclass(frozen=True)
class Kept:
    """What is left of a scenario: the names of its files, and the texts among them that the page shows."""

    files: list[str]
    texts: Mapping[str, str]


def of(document: Mapping[str, Any], kept: Mapping[str, Kept], picture: str) -> str:
    """Return the page of a document that fits `verify.schema.yml`; `kept` is by scenario, `picture` an SVG element."""
    asked = {verdict["client"] for scenario in document["scenarios"] for verdict in scenario["verdicts"]}
    clients, witnesses = ([each for each in document[who] if each["name"] in asked] for who in ("clients", "witnesses"))
    scenarios = [_scenario(each, kept.get(each["name"])) for each in document["scenarios"]]
    return render(
        "page.html.j2",
        document=document,
        clients=clients,
        witnesses=witnesses,
        scenarios=scenarios,
        picture=picture,
        words=words,
        heading=_heading(document),
    )


def _heading(document: Mapping[str, Any]) -> str:
    counts = document["counts"]
    if document["interrupted"]:
        return "Broken off before its end"
    if document["good"]:
        return f"All {counts['good']} that were verified are as expected"
    return f"{counts['different']} differ from what is expected, {counts['broken']} broke"


def _scenario(scenario: Mapping[str, Any], kept: Kept | None) -> dict[str, Any]:
    """Put a scenario's verdicts into rows, one for each scene; what a client said in whole beside each."""
    texts = dict(kept.texts) if kept else {}
    rows: dict[int, dict[str, Any]] = {}
    for verdict in scenario["verdicts"]:
        row = rows.setdefault(verdict["scene"], {"title": verdict["title"], "cells": {}})
        answer = texts.pop(verdict["evidence"], "")
        place = f"{scenario['name']}-{verdict['scene']}-{verdict['client']}"
        row["cells"][verdict["client"]] = {**verdict, "id": place, "answer": answer, "attacked": _attacked(verdict)}
    return {**scenario, "rows": list(rows.values()), "excerpts": list(_excerpts(texts))}


def _attacked(verdict: Mapping[str, Any]) -> bool:
    return bool(verdict["observed"]["page"] == "attacker")


def _excerpts(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from sorted((name, text) for name, text in texts.items() if text)
