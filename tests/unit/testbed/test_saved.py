"""The document at the beginning of a saved lab: it comes back as it was written, and nothing else is taken for one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from testbed.model import saved
from testbed.model.saved import Saved
from testbed.model.snapshot import Snapshot
from tests.unit.testbed.world import PLAN

SAVED = Saved(
    datetime(2026, 3, 1, 12, tzinfo=UTC),
    "amd64",
    "0011",
    with_image=True,
    made=Snapshot("/c", "/c/t.yml", "0123", PLAN),
)


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(saved.encode(SAVED))
    change(document)
    return json.dumps(document)


def test_it_comes_back_as_it_was_written() -> None:
    assert saved.decode(saved.encode(SAVED)) == SAVED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[]", "TypeError"),
        ("{}", "version"),
        (edited(lambda document: document.update(version=2)), "version 2, this program reads version 1"),
        (edited(lambda document: document.pop("made")), "made"),
        (edited(lambda document: document.update(at="yesterday")), "yesterday"),
        (edited(lambda document: document["made"].update(image="../../etc")), r"name '\.\./\.\./etc'"),
        (edited(lambda document: document["made"]["plan"]["topology"].update(name="/")), "name '/'"),
    ],
)
def test_anything_else_is_no_saved_lab(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        saved.decode(text)


@pytest.mark.parametrize("name", ["..", "a/b", "", "A", ".hidden", "a\n"])
@pytest.mark.parametrize("kind", ["hosts", "zones"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str, kind: str) -> None:
    text = edited(lambda document: document["made"]["plan"]["topology"][kind][0].update(name=name))
    with pytest.raises(ValueError, match="name"):
        saved.decode(text)


def test_interfaces_and_routes_are_of_hosts_with_such_names() -> None:
    plan = replace(PLAN, routes={"../x": ()})
    with pytest.raises(ValueError, match=r"name '\.\./x'"):
        saved.decode(saved.encode(replace(SAVED, made=replace(SAVED.made, plan=plan))))
