"""A scenario file becomes a scenario, or one line that names the file, the key, what was seen and the fix.

The shape of a file is `scenario.schema.yml`; what a schema cannot say (a means exists and takes these arguments, a kind
of client exists, a reason code is one) is checked here. Hosts are words of a cast, known only in a lab: see `casting`.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from mecai.errors import InputError
from mecai.reasons import REASONS
from testbed.model import document
from testbed.model.reading import text_of
from testbed.scenarios.kinds import KINDS, VERDICTS
from testbed.scenarios.means import MEANS
from testbed.scenarios.means.mean import Parameter
from testbed.scenarios.scenario import Choice, Expected, Scenario, Scene, Step
from testbed.scenarios.services import HTTPS
from testbed.scenarios.witnesses import WITNESSES

BUILT_IN = Path(__file__).parent
SCHEMA = BUILT_IN / "scenario.schema.yml"
# What a client may say besides the codes of docs/spec: it came to no handshake, or ordinary TLS refused.
_TRANSPORT = ("unreachable", "handshake-failed", "certificate-invalid")
_TYPES = {
    "number": (int, "a number"),
    "hosts": (list, "a list of words"),
    **dict.fromkeys(("host", "name", "word"), (str, "a word")),
}


def catalogue() -> list[Scenario]:
    """Read every scenario that ships with the testbed, in the order of their numbers; raises `InputError`."""
    files = (file for file in BUILT_IN.glob("*.yml") if file != SCHEMA)
    return sorted(map(load, files), key=lambda scenario: (scenario.number, scenario.name))


def find(name_or_file: str) -> Scenario:
    """Find a scenario by built-in name, or by the path of a file; raises `InputError`."""
    if name_or_file.endswith((".yml", ".yaml")):
        return load(Path(name_or_file))
    path = BUILT_IN / f"{name_or_file}.yml"
    if not path.is_file() or path == SCHEMA or "/" in name_or_file:
        raise InputError(f"no scenario {name_or_file!r}: testbed attack list names them, or give the path of a file")
    return load(path)


def load(path: Path) -> Scenario:
    """Read and validate a scenario file; raises `InputError` for its first fault."""
    data = document.parse(text_of(path, "scenario"), str(path), SCHEMA)
    for fault in _faults(data):
        raise InputError(f"{path}: {fault}")
    return Scenario(
        name=path.stem,
        number=data["number"],
        title=data["title"],
        threat=data["threat"],
        proposal=data["proposal"],
        holds=tuple(data["holds"]),
        note=data.get("note", ""),
        scenes=tuple(map(_scene, data["scenes"])),
    )


def _scene(data: Mapping[str, Any]) -> Scene:
    choice = data.get("choice", {})
    return Scene(
        title=data["title"],
        steps=tuple(Step(mean, arguments or {}) for step in data.get("steps", ()) for mean, arguments in step.items()),
        choice=Choice(tuple(choice.get("named", ())), tuple(choice.get("unnamed", ()))),
        clock_hours=data.get("clock_hours", 0),
        names=tuple(data.get("names", ())),
        attempts=data.get("attempts", 1),
        measured=data.get("measured", False),
        verdicts={kind: _expected(expected) for kind, expected in data["verdicts"].items()},
        asked=data.get("asked", {}),
        service=data.get("service", HTTPS),
    )


def _expected(data: Mapping[str, Any]) -> Expected:
    reason = data.get("reason", [])
    return Expected(data["verdict"], (reason,) if isinstance(reason, str) else tuple(reason), data.get("page", ""))


def _faults(data: Mapping[str, Any]) -> Iterator[str]:
    for number, scene in enumerate(data["scenes"]):
        for place, step in enumerate(scene.get("steps", ())):
            for mean, arguments in step.items():
                yield from _step_faults(f"scenes.{number}.steps.{place}.{mean}", mean, arguments or {})
        yield from _witness_faults(f"scenes.{number}.asked", scene)
        for kind, expected in scene["verdicts"].items():
            yield from _verdict_faults(f"scenes.{number}.verdicts.{kind}", kind, expected)


def _step_faults(key: str, name: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    if (mean := MEANS.get(name)) is None:
        yield f"{key}: saw no such means; expected one of {', '.join(sorted(MEANS))}"
    else:
        yield from _arguments_faults(key, mean.parameters, arguments)


def _witness_faults(key: str, scene: Mapping[str, Any]) -> Iterator[str]:
    asked = scene.get("asked", {})
    for name in asked:
        if name not in WITNESSES or name not in scene["verdicts"]:
            yield f"{key}.{name}: saw no such witness with a verdict; expected one of {', '.join(sorted(WITNESSES))}"
    for name in scene["verdicts"]:
        if name in WITNESSES:
            yield from _arguments_faults(f"{key}.{name}", WITNESSES[name].parameters, asked.get(name, {}))


def _arguments_faults(key: str, parameters: Mapping[str, Parameter], arguments: Mapping[str, Any]) -> Iterator[str]:
    for argument, value in arguments.items():
        yield from _argument_faults(f"{key}.{argument}", parameters, argument, value)
    for argument, parameter in parameters.items():
        if parameter.default is None and argument not in arguments:
            yield f"{key}: saw no {argument!r}; expected it, there is no default for it"


def _argument_faults(key: str, parameters: Mapping[str, Parameter], argument: str, value: object) -> Iterator[str]:
    parameter = parameters.get(argument)
    if parameter is None:
        yield f"{key}: saw an unknown argument; expected one of {', '.join(parameters) or 'none'}"
        return
    kind, word = _TYPES[parameter.kind]
    if not isinstance(value, kind) or isinstance(value, bool) or not _are_words(value):
        yield f"{key}: saw {value!r}; expected {word}"
    elif parameter.known and value not in parameter.known:
        yield f"{key}: saw {value!r}; expected one of {', '.join(parameter.known)}"


def _are_words(value: object) -> bool:
    return not isinstance(value, list) or (bool(value) and all(isinstance(each, str) for each in value))


def _verdict_faults(key: str, kind: str, expected: Mapping[str, Any]) -> Iterator[str]:
    if kind not in KINDS and kind not in WITNESSES:
        known = (*KINDS, *sorted(WITNESSES))
        yield f"{key}: saw no such kind of client, and no such witness; expected one of {', '.join(known)}"
        return
    witness = WITNESSES.get(kind)
    verdicts = witness.verdicts if witness else VERDICTS
    if expected["verdict"] not in verdicts:
        yield f"{key}.verdict: saw {expected['verdict']}; expected one of {', '.join(verdicts)}"
    if witness and "page" in expected:
        yield f"{key}.page: saw one; expected none of a witness, who is shown no page"
    known = witness.reasons if witness else (*REASONS, *_TRANSPORT)
    told = f"one of {', '.join(known) or 'none'}" if witness else "a reason code of docs/spec/11-reason-codes.md"
    yield from _reason_faults(f"{key}.reason", expected, known, told)


def _reason_faults(key: str, expected: Mapping[str, Any], known: Collection[str], told: str) -> Iterator[str]:
    reasons = _expected(expected).reasons
    if expected["verdict"] == "accepted" and reasons:
        yield f"{key}: saw {', '.join(reasons)}; expected none where the verdict is accepted"
    for reason in reasons:
        if reason not in known:
            yield f"{key}: saw {reason!r}; expected {told}"
