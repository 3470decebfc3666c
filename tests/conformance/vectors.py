"""The committed vectors: read, resolved, and compared with what the cases make today.

`vectors/GROUP.json` holds the cases of one group. Octets that occur more than once lie in `vectors/shared.json`; a
string "@NAME" stands for them. `schema.json` describes all of it.
"""

import base64
import hashlib
import importlib
import json
import pkgutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.registry import registered

FOLDER = Path(__file__).parent / "vectors"
SCHEMA = Path(__file__).parent / "schema.json"
_SHARED = "shared.json"
_WORTH_SHARING = 100  # characters

Json = dict[str, Any]


@dataclass(frozen=True)
class Vector:
    """One case as it is committed; `question` is what a client gets to see of it."""

    identifier: str
    kind: str
    group: str
    rules: tuple[str, ...]
    description: str
    question: Json
    expected: Json

    def line(self) -> bytes:
        """Return the line that a client reads: no description, no rules, no expectation."""
        asked = {"id": self.identifier, "kind": self.kind, "input": self.question}
        return json.dumps(asked, separators=(",", ":")).encode() + b"\n"


def load(folder: Path = FOLDER) -> tuple[Vector, ...]:
    """Return every committed case with its shared octets in place."""
    shared = json.loads((folder / _SHARED).read_text(encoding="utf-8"))
    groups = (path for path in sorted(folder.glob("*.json")) if path.name != _SHARED)
    return tuple(vector for path in groups for vector in _read(path, shared))


def octets(text: str) -> bytes:
    """Return the octets of a question's base64."""
    return base64.b64decode(text, validate=True)


@cache
def render() -> Mapping[str, str]:
    """Make every case again and return the files of `vectors/` by name, the same octets in every run."""
    groups: dict[str, list[Json]] = {}
    for case in _all_cases():
        situation = case.situate()
        entry = {
            "id": case.identifier,
            "kind": situation.kind,
            "rules": case.rules,
            "description": case.description,
            "input": situation.question,
            "expected": situation.expected,
        }
        if situation.workings:
            entry["workings"] = situation.workings
        groups.setdefault(case.group, []).append(_plain(entry))
    strings = Counter(text for cases in groups.values() for item in cases for text in _strings(item["input"]))
    names = {text: f"@{_name(text)}" for text, times in strings.items() if times > 1 and len(text) > _WORTH_SHARING}
    for cases in groups.values():
        for item in cases:
            item["input"] = _replace(item["input"], names)
    shared = {name.removeprefix("@"): text for text, name in sorted(names.items(), key=lambda pair: pair[1])}
    files = {f"{group}.json": _text({"group": group, "cases": cases}) for group, cases in groups.items()}
    return {**files, _SHARED: _text(shared)}


def write(folder: Path = FOLDER) -> None:
    """Write the vectors, and remove those of groups that are gone."""
    files = render()
    for path in folder.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def differences(folder: Path = FOLDER) -> list[str]:
    """Return one line for each file that is not what the cases make today."""
    files = render()
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    missing = [f"{name}: not committed" for name in files.keys() - committed.keys()]
    extra = [f"{name}: no case makes it" for name in committed.keys() - files.keys()]
    changed = [f"{name}: differs" for name in files.keys() & committed.keys() if files[name] != committed[name]]
    return sorted(missing + extra + changed)


def _all_cases() -> Sequence[Any]:
    from tests.conformance import cases  # noqa: PLC0415 reading vectors needs none of what making them does

    for module in sorted(module.name for module in pkgutil.iter_modules(cases.__path__)):
        importlib.import_module(f"{cases.__name__}.{module}")
    return registered()


def _read(path: Path, shared: Mapping[str, str]) -> Iterator[Vector]:
    names = {f"@{name}": text for name, text in shared.items()}
    document = json.loads(path.read_text(encoding="utf-8"))
    for case in document["cases"]:
        yield Vector(
            identifier=case["id"],
            kind=case["kind"],
            group=document["group"],
            rules=tuple(case["rules"]),
            description=case["description"],
            question=_replace(case["input"], names),
            expected=case["expected"],
        )


def _plain(value: Any) -> Any:
    """Return a value of a situation as JSON has it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(map(_plain, value))
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _replace(value: Any, names: Mapping[str, str]) -> Any:
    """Return the value with each string that is a name replaced."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {name: _replace(item, names) for name, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, names) for item in value]
    return value


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _text(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
