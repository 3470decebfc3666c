"""The committed vectors: read, resolved, and compared with what the cases make today.

`vectors/GROUP.json` holds the cases of one group. Longer octets lie in `vectors/octets.json.xz`, each once and in
hexadecimal, which compresses to a tenth; a string "@NAME" stands for them. `schema.json` describes all of it.
"""

import base64
import binascii
import hashlib
import importlib
import json
import lzma
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.registry import registered

FOLDER = Path(__file__).parent / "vectors"
SCHEMA = Path(__file__).parent / "schema.json"
_OCTETS = "octets.json.xz"
_LONG = 100  # characters of base64

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


@cache
def load(folder: Path = FOLDER) -> tuple[Vector, ...]:
    """Return every committed case with its shared octets in place, read once; nobody changes them."""
    names = {f"@{name}": _base64(bytes.fromhex(text)) for name, text in read_octets(folder).items()}
    return tuple(vector for path in sorted(folder.glob("*.json")) for vector in _read(path, names))


def read_octets(folder: Path = FOLDER) -> dict[str, str]:
    """Return the octets of `octets.json.xz` by name, in hexadecimal."""
    return dict(json.loads(_read_text(folder / _OCTETS)))


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
    strings = {text for cases in groups.values() for item in cases for text in _strings(item["input"])}
    names = {text: f"@{_name(text)}" for text in strings if len(text) > _LONG and _is_base64(text)}
    for cases in groups.values():
        for item in cases:
            item["input"] = _replace(item["input"], names)
    kept = {name.removeprefix("@"): octets(text).hex() for text, name in names.items()}
    files = {f"{group}.json": _text({"group": group, "cases": cases}) for group, cases in groups.items()}
    return {**files, _OCTETS: _text(dict(sorted(kept.items())))}


def write(folder: Path = FOLDER) -> None:
    """Write the vectors, and remove those of groups that are gone."""
    files = render()
    for path in folder.glob("*.json*"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        _write_text(folder / name, text)


def differences(folder: Path = FOLDER) -> list[str]:
    """Return one line for each file that is not what the cases make today."""
    files = render()
    committed = {path.name: _read_text(path) for path in folder.glob("*.json*")}
    missing = [f"{name}: not committed" for name in files.keys() - committed.keys()]
    extra = [f"{name}: no case makes it" for name in committed.keys() - files.keys()]
    changed = [f"{name}: differs" for name in files.keys() & committed.keys() if files[name] != committed[name]]
    return sorted(missing + extra + changed)


def _all_cases() -> Sequence[Any]:
    from tests.conformance import cases  # noqa: PLC0415 reading vectors needs none of what making them does

    for module in sorted(module.name for module in pkgutil.iter_modules(cases.__path__)):
        importlib.import_module(f"{cases.__name__}.{module}")
    return registered()


def _read(path: Path, names: Mapping[str, str]) -> Iterator[Vector]:
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
        return _base64(value)
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


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    return (lzma.decompress(content) if path.suffix == ".xz" else content).decode()


def _write_text(path: Path, text: str) -> None:
    content = text.encode()
    path.write_bytes(lzma.compress(content) if path.suffix == ".xz" else content)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _is_base64(text: str) -> bool:
    try:
        return _base64(octets(text)) == text
    except binascii.Error:
        return False


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _text(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
