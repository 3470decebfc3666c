"""The measure of the suite: the plain client, broken by one line, has to fail some case (docs/conformance.md).

`mutants.txt` lists the lines. Each broken client runs in a process of its own, in memory, and stops at the first case
that it gets wrong. The case that noticed it last time (`killers.json`) is asked first, then those of the rule that is
broken, then the others: the file saves time and decides nothing.
"""

import importlib
import importlib.abc
import importlib.util
import json
import multiprocessing
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

from tests.conformance import plain
from tests.conformance.runner import PASSED, Result
from tests.conformance.vectors import Vector

TABLE = Path(__file__).parent / "mutants.txt"
KILLERS = Path(__file__).parent / "killers.json"
CLIENT = Path(plain.__file__).parent
KILLED, SURVIVED, EQUIVALENT, NOTICED = "killed", "survived", "equivalent", "called equivalent in error"
_BOUND = 60  # seconds for one broken client; the whole one takes three
_LINE = re.compile(r"(?P<rule>[A-Z]\d+)  (?P<old>.+?) =>(?: (?P<new>.*))?")


@dataclass(frozen=True)
class Mutant:
    """One way to break the client: in `file`, `old` becomes `new`. `equivalent` says why no case can notice."""

    line: int  # of the table
    rule: str
    file: str
    old: str
    new: str
    equivalent: str = ""

    @property
    def name(self) -> str:
        """What it is, in one line."""
        return f"{self.file}: {self.old} => {self.new}".replace("\n", r"\n")

    def source(self) -> str:
        """Return the file's text with the fault in it; raises `ValueError` where the table does not fit it."""
        text = (CLIENT / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(
                f"{TABLE.name}:{self.line}: {self.old!r} stands {text.count(self.old)} times in {self.file}"
            )
        if self.new != "pass":
            return text.replace(self.old, self.new)
        start = text.rindex("\n", 0, text.index(self.old)) + 1
        end = text.index("\n", text.index(self.old))
        indent = len(text[start:end]) - len(text[start:end].lstrip())
        return text[:start] + " " * indent + "pass" + text[end:]


@dataclass(frozen=True)
class Verdict:
    """What became of a broken client: the case that it failed, if any, and what it answered there."""

    mutant: Mutant
    killer: str
    answer: str

    @property
    def outcome(self) -> str:
        """KILLED, SURVIVED or EQUIVALENT; NOTICED for one that was called equivalent and is not."""
        if self.mutant.equivalent:
            return NOTICED if self.killer else EQUIVALENT
        return KILLED if self.killer else SURVIVED


def read_table(path: Path = TABLE) -> tuple[Mutant, ...]:
    """Return the mutants of the table; raises `ValueError` naming the line that is wrong."""
    found: list[Mutant] = []
    file = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        if line.endswith(".py:"):
            file = line.removesuffix(":")
        elif line.startswith("= ") and found:
            last = found.pop()
            found.append(Mutant(last.line, last.rule, last.file, last.old, last.new, line.removeprefix("= ")))
        elif parts := _LINE.fullmatch(line):
            old, new = (part.replace(r"\n", "\n") for part in (parts["old"], parts["new"] or ""))
            found.append(Mutant(number, parts["rule"], file, old, new))
        else:
            raise ValueError(f"{path.name}:{number}: neither a file, nor a mutant, nor a reason")
    return tuple(found)


def read_killers() -> dict[str, str]:
    """Return which case noticed which mutant last time."""
    return dict(json.loads(KILLERS.read_text(encoding="utf-8"))) if KILLERS.exists() else {}


def write_killers(verdicts: Sequence[Verdict]) -> None:
    """Keep them for the next time."""
    found = read_killers() | {verdict.mutant.name: verdict.killer for verdict in verdicts}
    found = {mutant.name: found[mutant.name] for mutant in read_table() if found.get(mutant.name)}
    KILLERS.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the last line of a run."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in (KILLED, SURVIVED, EQUIVALENT, NOTICED))


def run(mutants: Sequence[Mutant], vectors: Sequence[Vector], killers: Mapping[str, str]) -> Iterator[Verdict]:
    """Put each broken client under the cases, one after the other."""
    importlib.import_module(f"{plain.__name__}.client")  # and with it all that it imports
    forking = multiprocessing.get_context("fork")  # what is loaded here need not be loaded again
    for mutant in mutants:
        theirs, ours = forking.Pipe()
        child = forking.Process(target=_put_under, args=(mutant, _ordered(vectors, mutant, killers), theirs))
        child.start()
        theirs.close()
        try:
            killer, answer = ours.recv() if ours.poll(_BOUND) else ("HANG", f"no end within {_BOUND} s")
        except EOFError:
            killer, answer = "CRASH", "it ended"
        child.kill()
        child.join()
        yield Verdict(mutant, killer, answer)


def _put_under(mutant: Mutant, vectors: Sequence[Vector], pipe: Connection) -> None:
    """Send the first case that the broken client gets wrong, and what it answered; or two empty texts."""
    for name in [name for name in sys.modules if name.startswith(plain.__name__)]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Breaking(f"{plain.__name__}.{mutant.file.removesuffix('.py')}", mutant.source()))
    try:
        answer = importlib.import_module(f"{plain.__name__}.client").answer
    except Exception as error:
        pipe.send(("IMPORT", repr(error)))
        return
    for vector in vectors:
        try:
            answered = answer(vector.kind, vector.question)
        except Exception as error:
            answered = {"verdict": "CRASH", "reason": repr(error)}
        if Result(vector, answered).outcome != PASSED:
            pipe.send((vector.identifier, f"{answered['verdict']} {answered.get('reason', '')}"))
            return
    pipe.send(("", ""))


def _ordered(vectors: Sequence[Vector], mutant: Mutant, killers: Mapping[str, str]) -> list[Vector]:
    """Return the cases, those first that are likely to notice."""
    rule, likely = mutant.rule, killers.get(mutant.name)

    def distance(vector: Vector) -> int:
        if vector.identifier == likely:
            return -1
        return vector.rules.index(rule) if rule in vector.rules else len(vector.rules) + 100

    return sorted(vectors, key=distance)


class _Breaking(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives one module another source."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_source(self, fullname: str) -> str:
        del fullname
        return self._source
