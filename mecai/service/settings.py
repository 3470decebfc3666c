"""A TOML file read into a frozen dataclass: the dataclass is the schema, and each wrong key ends in one clear line.

The type of a field says what its key may hold: `str`, `int`, `float`, `bool`, `Path`, `Network`, `timedelta` (an ISO
8601 duration such as "P3D"), another dataclass (a table), `tuple[X, ...]` (a list, or an array of tables), `X | None`.
A field without default is a key that must be there.
What a type cannot say (a range, two keys that exclude each other) the dataclass says in `__post_init__` by raising
`ValueError`. Nothing here knows which keys a service has.
"""

import dataclasses
import difflib
import ipaddress
import re
import tomllib
import types
import typing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from mecai.errors import HostError, InputError
from mecai.service.named import read_named

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Settings = TypeVar("Settings")

# No years and months, whose length depends on the day (ISO 8601-1, section 5.5.2).
_DURATION: Final = re.compile(
    r"P(?!$)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?!$)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)
_PLAIN: Final = frozenset(map(chr, range(0x20, 0x7F))) - {'"', "\\"}
_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def read_settings(path: Path, shape: type[Settings]) -> Settings:
    """Read the settings of the TOML file `path`; `shape` is a frozen dataclass.

    Raises `HostError` if the file cannot be read, `InputError` if a key is unknown, missing or of another type.
    """
    try:
        document = tomllib.loads(read_named(path).decode("utf-8"))
    except OSError as error:
        raise HostError(f"{path}: cannot be read ({error.strerror}); write it or name another with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: is not TOML: {error}") from error
    try:
        return cast("Settings", _table(document, shape, ""))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def toml_text(text: object) -> str:
    """Return what stands between the quotation marks of a basic string of TOML (toml.io/en/v1.0.0#string)."""
    return "".join(each if each in _PLAIN else f"\\U{ord(each):08x}" for each in str(text))


def shaped(found: object, shape: type[Settings], where: str) -> Settings:
    """Make the frozen dataclass `shape` of the table that a document holds at `where`; raises `InputError`."""
    try:
        return cast("Settings", _value(found, shape, where))
    except ValueError as error:
        raise InputError(str(error)) from error


def _table(found: dict[str, Any], shape: Any, where: str) -> Any:  # noqa: ANN401 - any dataclass
    """Make an instance of the dataclass `shape` of a TOML table; `where` is the prefix of its keys."""
    hints = typing.get_type_hints(shape)
    fields = {field.metadata.get("key", field.name): field for field in dataclasses.fields(shape)}
    for key in found.keys() - fields.keys():
        near = difflib.get_close_matches(key, fields, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
        raise ValueError(f"{where}{key}: unknown key; {advice}")
    for key, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and key not in found:
            raise ValueError(f"{where}{key}: missing; expected {_name(hints[field.name])}")
    values = {fields[key].name: _value(value, hints[fields[key].name], where + key) for key, value in found.items()}
    return shape(**values)


def _value(found: Any, kind: Any, key: str) -> Any:  # noqa: ANN401 - whatever TOML holds, whatever a field is
    """Turn what TOML holds at `key` into a value of the type `kind`."""
    if kind == Network:
        return _network(_plain(found, str, key), key)
    if kind is timedelta:
        return _duration(_plain(found, str, key), key)
    if isinstance(kind, types.UnionType):
        (kind,) = (member for member in typing.get_args(kind) if member is not types.NoneType)
    if dataclasses.is_dataclass(kind):
        return _table(_plain(found, dict, key), kind, f"{key}.")
    if typing.get_origin(kind) is tuple:
        member = typing.get_args(kind)[0]
        return tuple(_value(item, member, f"{key}[{i}]") for i, item in enumerate(_plain(found, list, key)))
    if kind is Path:
        return Path(_plain(found, str, key))
    return _plain(found, kind, key)


def _plain(found: Any, kind: type[Settings], key: str) -> Settings:  # noqa: ANN401 - whatever TOML holds
    """`found` if it is exactly of the type `kind`: in TOML, `true` is no number, and 1 is no float but a number."""
    if kind is float and type(found) is int:
        return cast("Settings", float(found))
    if type(found) is not kind:
        raise ValueError(f"{key}: {found!r} is not {_NAMES[kind]}")
    return found


def _network(text: str, key: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}; expected a network such as '192.0.2.0/24'") from error


def _duration(text: str, key: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{key}: {text!r} is no duration; expected one such as 'P3D' (days), 'PT12H' or 'PT20S'")
    return timedelta(**{unit: int(number) for unit, number in found.groupdict("0").items()})


def _name(kind: Any) -> str:  # noqa: ANN401 - whatever a field is
    """Name the type `kind` in a person's words."""
    if dataclasses.is_dataclass(kind):
        return "a table"
    if typing.get_origin(kind) is tuple:
        return "a list"
    return _NAMES.get(kind, "a string")
