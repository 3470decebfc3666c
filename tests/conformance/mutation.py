"""The measure of the suite: the plain client, broken by one line, has to fail some case (docs/conformance.md).

`mutants.txt` lists the lines. Each broken client runs in a process of its own, in memory, and stops at the first case
that it gets wrong. The case that noticed it last time (`killers.json`) is asked first, then those of the rule that is
broken, then the others: the file saves time and decides nothing. Only a wrong answer to a case kills: a broken client
that comes to no end, or cannot be started, says nothing of the suite, and fails the run: the table needs a better one.
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
HUNG, DIED = "hung", "died"
GOOD = frozenset({KILLED, EQUIVALENT})  # all others fail a run
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
        if (times := text.count(self.old)) != 1:
            raise ValueError(f"{TABLE.name}:{self.line}: {self.name}: what it breaks stands {times} times in the file")
        if self.new != "pass":
            return text.replace(self.old, self.new)
        start = text.rindex("\n", 0, text.index(self.old)) + 1
        end = text.index("\n", text.index(self.old))
        indent = len(text[start:end]) - len(text[start:end].lstrip())
        return text[:start] + " " * indent + "pass" + text[end:]


@dataclass(frozen=True)
class Verdict:
    """What became of a broken client: the case that it failed, if any, and what it answered there.

    `trouble` is HUNG or DIED where it came to no end, or did not get as far as an answer; `answer` then says why.
    """

    mutant: Mutant
    killer: str
    answer: str
    trouble: str = ""

    @property
    def outcome(self) -> str:
        """KILLED, SURVIVED or EQUIVALENT; NOTICED for one that was called equivalent and is not; HUNG or DIED."""
        if self.trouble:
            return self.trouble
        if self.mutant.equivalent:
            return NOTICED if self.killer else EQUIVALENT
        return KILLED if self.killer else SURVIVED

    def line(self) -> str:
        """Return what is said of one that is not KILLED."""
        why = {
            NOTICED: f"{self.killer} notices it",
            EQUIVALENT: self.mutant.equivalent,
            SURVIVED: "no case notices",
        }.get(self.outcome, self.answer)
        return f"{self.outcome}: {self.mutant.rule} {self.mutant.name}: {why}"


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


def read_killers(path: Path = KILLERS) -> dict[str, str]:
    """Return which case noticed which mutant last time."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def misfits(mutants: Sequence[Mutant]) -> list[str]:
    """Return one line for each mutant that does not fit the client's source any more."""
    found = []
    for mutant in mutants:
        try:
            mutant.source()
        except ValueError as error:
            found.append(str(error))
    return found


def write_killers(verdicts: Sequence[Verdict], path: Path = KILLERS) -> None:
    """Keep them for the next time; what hung or died says nothing, and leaves what is known of it."""
    told = [verdict for verdict in verdicts if not verdict.trouble]
    found = read_killers(path) | {verdict.mutant.name: verdict.killer for verdict in told}
    found = {mutant.name: found[mutant.name] for mutant in read_table() if found.get(mutant.name)}
    path.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the last line of a run."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in (KILLED, SURVIVED, EQUIVALENT, NOTICED, HUNG, DIED))


def run(mutants: Sequence[Mutant], vectors: Sequence[Vector], killers: Mapping[str, str]) -> Iterator[Verdict]:
    """Put each broken client under the cases, one after the other; raises `ValueError` for one of `misfits`."""
    importlib.import_module(f"{plain.__name__}.client")  # and with it all that it imports
    forking = multiprocessing.get_context("fork")  # what is loaded here need not be loaded again
    for mutant in mutants:
        source = mutant.source()
        theirs, ours = forking.Pipe()
        child = forking.Process(target=_put_under, args=(mutant, source, _ordered(vectors, mutant, killers), theirs))
        child.start()
        theirs.close()
        try:
            told = ours.recv() if ours.poll(_BOUND) else ("", f"no end within {_BOUND} s", HUNG)
        except EOFError:
            told = ("", "its process ended without an answer", DIED)
        child.kill()
        child.join()
        yield Verdict(mutant, *told)


def _put_under(mutant: Mutant, source: str, vectors: Sequence[Vector], pipe: Connection) -> None:
    """Send the first case that the broken client gets wrong, and what it answered; or two empty texts."""
    for name in [name for name in sys.modules if name.startswith(plain.__name__)]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Breaking(f"{plain.__name__}.{mutant.file.removesuffix('.py')}", source))
    try:
        answer = importlib.import_module(f"{plain.__name__}.client").answer
    except Exception as error:
        pipe.send(("", f"it cannot be imported: {error!r}", DIED))
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
