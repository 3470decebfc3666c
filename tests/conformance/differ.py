"""Both clients under inputs that no case has: each is a case with a fault more in what somebody sent (`mutated.py`).

What one accepts and the other refuses, or refuses with another reason, is a fault of one of them, or a place where the
text leaves a choice. Every input follows from the seed and its number alone.
"""

import asyncio
import base64
import copy
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.conformance.client import CRASH, Answer, Client
from tests.conformance.mutated import mutated
from tests.conformance.plain.client import answer as plain
from tests.conformance.vectors import Vector, octets
from tests.harness.conformance_client import answer as own

# Members of a question that somebody else sent; the others are the client's own configuration.
_SENT: Final = ("directory", "history", "chain", "staple", "vouchers", "responders", "extension", "answer", "request")
_KEPT: Final = "cached"  # its vouchers can be read, or would not have been kept
_TOLD_APART: Final = {"rule", "detail"}  # the plain client names no rule, and each has its own words
_ID: Final = "changed"  # of every question to a program
Ask = Callable[[str, Any], Answer]  # of a kind and a question


@dataclass(frozen=True)
class Compared:
    """One input, and what each client makes of it; `number` with the seed makes it again."""

    number: int
    vector: Vector
    member: str
    question: dict[str, Any]
    own: Answer
    plain: Answer

    @property
    def alike(self) -> bool:
        """Whether both give the same verdict, reason and result; no client may crash."""
        return self.own["verdict"] != CRASH and _said(self.own) == _said(self.plain)

    def line(self) -> str:
        """Return what is said of a difference."""
        return f"{self.number} {self.vector.identifier}, {self.member}: {_brief(self.own)} / {_brief(self.plain)}"


@contextmanager
def outside(command: Sequence[str], bound: float) -> Iterator[Ask]:
    """Give a program that `compare` can ask in the place of this project's own client; `bound` as in `Client`."""
    with asyncio.Runner() as loop, tempfile.TemporaryFile() as errors:
        client = Client(command, bound, errors)

        def ask(kind: str, question: Any) -> Answer:
            line = json.dumps({"id": _ID, "kind": kind, "input": question}).encode() + b"\n"
            return {name: value for name, value in loop.run(client.ask(_ID, line)).items() if name != "id"}

        try:
            yield ask
        finally:
            loop.run(client.stop())


def compare(
    vectors: Sequence[Vector], seed: int, numbers: Sequence[int], first: Ask | None = None
) -> Iterator[Compared]:
    """Put both clients under the inputs of these numbers; `first` is in the place of this project's own."""
    usable = [vector for vector in vectors if vector.kind != _KEPT and _sent(vector.question)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of oddities that it lets pass
        for number in numbers:
            chance = Random(f"{seed} {number}")  # noqa: S311 - has to be the same in every run
            vector = chance.choice(usable)
            question = copy.deepcopy(vector.question)
            member, container, key = chance.choice(_sent(question))
            container[key] = base64.b64encode(mutated(octets(container[key]), chance)).decode()
            yield Compared(
                number, vector, member, question, *(_ask(who, vector.kind, question) for who in (first or own, plain))
            )


def _sent(question: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return each place of octets: the member's name, what holds it, and its key there."""
    found: list[tuple[str, Any, Any]] = []
    for name in _SENT:
        match question.get(name):
            case str():
                found.append((name, question, name))
            case list() as several:
                found += [(f"{name} {place}", several, place) for place in range(len(several))]
            case dict() as named:
                found += [(f"{name} {key[:8]}", named, key) for key in sorted(named)]
    return found


def _ask(client: Ask, kind: str, question: dict[str, Any]) -> Answer:
    try:
        return client(kind, question)
    except Exception as error:
        return {"verdict": CRASH, "reason": repr(error)}


def _said(answer: Answer) -> Answer:
    return {name: value for name, value in answer.items() if name not in _TOLD_APART}


def _brief(answer: Answer) -> str:
    named = (str(answer[name]) for name in ("reason", "rule", "detail") if answer.get(name))
    return " ".join((answer["verdict"], *named))
