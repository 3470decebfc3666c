"""The measure of the suite: the table of mutants fits the plain client and the text, and tells right from wrong."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conformance import mutation, vectors
from tests.conformance.__main__ import main
from tests.conformance.mutation import EQUIVALENT, KILLED, NOTICED, SURVIVED, Mutant

ROOT = Path(__file__).resolve().parents[3]
MUTANTS = mutation.read_table()
TLS = [vector for vector in vectors.load() if vector.group == "tls"]
WRONG = Mutant(1, "T7", "tls.py", 'expect(found[-1], "an empty voucher"', "pass")
RIGHT = Mutant(2, "T7", "tls.py", '"an empty voucher"', '"a voucher of nothing"')


def outcome(mutant: Mutant) -> str:
    (verdict,) = mutation.run([mutant], TLS, {})
    return verdict.outcome


def test_every_mutant_is_another_client() -> None:
    assert len(MUTANTS) >= 170
    for mutant in MUTANTS:
        source = mutant.source()
        compile(source, mutant.file, "exec")
        assert source != (mutation.CLIENT / mutant.file).read_text(encoding="utf-8"), mutant
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_every_mutant_breaks_a_rule_of_the_text() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "spec").glob("*.md"))
    assert {mutant.rule for mutant in MUTANTS} <= set(re.findall(r"\*\*([A-Z]\d+)\*\*", text))


def test_each_has_been_noticed_or_is_equivalent() -> None:
    """`make mutants` shows that it still is; here, that nobody added one without running it."""
    killers = mutation.read_killers()
    assert {mutant.name for mutant in MUTANTS if not mutant.equivalent} == killers.keys()
    assert set(killers.values()) <= {vector.identifier for vector in vectors.load()}


def test_what_breaks_a_rule_is_killed_and_what_does_not_survives() -> None:
    assert outcome(WRONG) == KILLED
    assert outcome(RIGHT) == SURVIVED
    assert outcome(replace(RIGHT, equivalent="a word")) == EQUIVALENT
    assert outcome(replace(WRONG, equivalent="a mistake")) == NOTICED


def test_one_that_dies_or_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "_BOUND", 1)
    begin = "outer = _Reader(octets)\n    reader = _Reader(outer.vector(2))"
    for fault in ("import os; os._exit(3)", "while True: pass"):
        assert outcome(replace(WRONG, old=begin, new=f"{fault}\n    {begin}")) == KILLED
    assert outcome(replace(WRONG, old="import re\n", new="import no_such_module\n")) == KILLED


def test_a_table_that_does_not_fit(tmp_path: Path) -> None:
    table = tmp_path / "mutants.txt"
    table.write_text("tls.py:\nT7 of one space => pass\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"mutants\.txt:2: neither a file"):
        mutation.read_table(table)
    with pytest.raises(ValueError, match="stands 0 times"):
        replace(WRONG, old="no such line").source()


@pytest.mark.parametrize(("mutant", "code"), [(WRONG, 0), (RIGHT, 1)], ids=["killed", "survived"])
def test_the_command(mutant: Mutant, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "read_table", lambda: (mutant,))
    monkeypatch.setattr(vectors, "load", lambda: TLS)
    ended = CliRunner().invoke(main, ["mutants"])
    assert ended.exit_code == code, ended.output
    last = f"{1 - code} killed, {code} survived, 0 equivalent, 0 called equivalent in error"
    assert ended.stdout.splitlines()[-1] == last
    assert CliRunner().invoke(main, ["mutants", "--match", "none"]).exit_code == 2
