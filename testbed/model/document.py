"""A YAML file held to a JSON Schema: its data, or one line that names the file, the key, what was seen and the fix.

Each `description` of the schema is the second half of a message: it completes "KEY: saw VALUE; expected ...".
"""

from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from mecai.errors import InputError

_SEEN_CHARACTERS = 80


def parse(text: str, source: str, schema: Path) -> Any:  # noqa: ANN401 - the schema decides what it is
    """Return the data of a YAML text that fits the schema; raises `InputError` for its first fault.

    `source` is the file's name for messages.
    """
    data = _read_yaml(text, source)
    validator = _validator(schema)
    if fault := best_match(validator.iter_errors(data)):
        raise InputError(f"{source}: {_describe(fault, validator.schema)}")
    return data


@cache
def _validator(schema: Path) -> Draft202012Validator:
    return Draft202012Validator(yaml.safe_load(schema.read_text(encoding="utf-8")))


def _describe(fault: ValidationError, whole: Any) -> str:  # noqa: ANN401 - a schema
    """Say one schema fault as `KEY: saw VALUE; expected ...`."""
    schema: Any = fault.schema
    instance: Any = fault.instance
    where = ".".join(str(part) for part in fault.absolute_path) or "the file"
    match fault.validator:
        case "required":
            seen = "no key " + next(repr(key) for key in schema["required"] if key not in instance)
        case "additionalProperties":
            seen = "the unknown key " + next(repr(key) for key in instance if key not in schema["properties"])
        case "minProperties" | "maxProperties":
            seen = f"{len(instance)} entries"
        case _:
            text = repr(instance)
            seen = text if len(text) <= _SEEN_CHARACTERS else text[:_SEEN_CHARACTERS] + "..."
    return f"{where}: saw {seen}; expected {_expectation(fault, whole)}"


def _expectation(fault: ValidationError, whole: Any) -> str:  # noqa: ANN401 - a schema
    """Return the description nearest above the fault: the schema's own words for what shall stand there."""
    path: list[Any] = list(fault.absolute_schema_path)[:-1]
    found = ""
    node: Any = whole
    for step in path:
        found = node.get("description", found) if isinstance(node, dict) else found
        node = node[step]
    return str(node.get("description", found) if isinstance(node, dict) else found)


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice, which PyYAML would silently overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                problem = "a key that is no plain word"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                problem = f"the key {key!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _read_yaml(text: str, source: str) -> Any:  # noqa: ANN401 - the schema decides what it is
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{source}: line {line}: {error.problem}; expected YAML, correct this line") from error
    except yaml.YAMLError as error:
        raise InputError(f"{source}: {error}; expected YAML text") from error
    except RecursionError as error:
        raise InputError(f"{source}: nested too deeply; expected a shallow file") from error
