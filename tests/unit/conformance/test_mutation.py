"""The measure of the suite: the table of mutants fits the plain client and the text, and tells right from wrong."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conformance import mutation, vectors
from tests.conformance.__main__ import main
from tests.conformance.mutation import DIED, EQUIVALENT, HUNG, KILLED, NOTICED, SURVIVED, Mutant, Verdict

ROOT = Path(__file__).resolve().parents[3]
MUTANTS = mutation.read_table()
TLS = [vector for vector in vectors.load() if vector.group == "tls"]
WRONG = Mutant(1, "T7", "tls.py", 'expect(found[-1], "an empty voucher"', "pass")
RIGHT = Mutant(2, "T7", "tls.py", '"an empty voucher"', '"a voucher of nothing"')
BEGIN = "outer = _Reader(octets)\n    reader = _Reader(outer.vector(2))"
ENDLESS = replace(WRONG, old=BEGIN, new=f"while True: pass\n    {BEGIN}")
STALE = replace(WRONG, old="no such line", new="nor this")


def verdict(mutant: Mutant) -> Verdict:
    (found,) = mutation.run([mutant], TLS, {})
    return found


def outcome(mutant: Mutant) -> str:
    return verdict(mutant).outcome


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


def test_one_that_dies_or_hangs_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No case noticed it: a machine that is busy would kill any mutant."""
    monkeypatch.setattr(mutation, "_BOUND", 1)
    endless = verdict(replace(ENDLESS, equivalent="a mistake"))
    assert (endless.outcome, endless.killer) == (HUNG, "")
    for died in (
        replace(ENDLESS, new=f"import os; os._exit(3)\n    {BEGIN}"),
        replace(WRONG, old="import re\n", new="import no_such_module\n"),
    ):
        found = verdict(died)
        assert (found.outcome, found.killer) == (DIED, "")


def test_one_that_raises_at_a_case_is_killed_by_it() -> None:
    assert outcome(replace(ENDLESS, new=f"raise KeyError\n    {BEGIN}")) == KILLED


def test_a_hang_is_not_written_down_as_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "read_table", lambda: (WRONG, RIGHT, ENDLESS))
    killers = tmp_path / "killers.json"
    mutation.write_killers([Verdict(WRONG, "t7-case", "accepted"), Verdict(ENDLESS, "t4-case", "accepted")], killers)
    hung = Verdict(ENDLESS, "", "no end", HUNG)
    mutation.write_killers([hung, Verdict(WRONG, "", "it ended", DIED), Verdict(RIGHT, "", "")], killers)
    assert mutation.read_killers(killers) == {WRONG.name: "t7-case", ENDLESS.name: "t4-case"}
    mutation.write_killers([Verdict(WRONG, "", "")], killers)
    assert mutation.read_killers(killers) == {ENDLESS.name: "t4-case"}


def test_a_table_that_does_not_fit(tmp_path: Path) -> None:
    table = tmp_path / "mutants.txt"
    table.write_text("tls.py:\nT7 of one space => pass\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"mutants\.txt:2: neither a file"):
        mutation.read_table(table)
    assert mutation.misfits([WRONG, STALE, replace(WRONG, line=9, old="import ", new="")]) == [
        "mutants.txt:1: tls.py: no such line => nor this: what it breaks stands 0 times in the file",
        "mutants.txt:9: tls.py: import  => : what it breaks stands 3 times in the file",
    ]
    with pytest.raises(ValueError, match="no such line => nor this"):
        list(mutation.run([STALE], TLS, {}))


def run(*table: Mutant) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutation, "read_table", lambda: table)
        patch.setattr(vectors, "load", lambda: TLS)
        return CliRunner().invoke(main, ["mutants"])


def test_the_command_names_each_that_does_not_fit_and_counts_none_as_killed() -> None:
    ended = run(WRONG, STALE)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: mutants.txt:1: tls.py: no such line => nor this: ")


def test_the_command_tells_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "_BOUND", 1)
    ended = run(ENDLESS)
    assert ended.exit_code == 1
    assert ended.stdout.splitlines() == [
        f"hung: T7 {ENDLESS.name}: no end within 1 s",
        "0 killed, 0 survived, 0 equivalent, 0 called equivalent in error, 1 hung, 0 died",
    ]


@pytest.mark.parametrize(("mutant", "code"), [(WRONG, 0), (RIGHT, 1)], ids=["killed", "survived"])
def test_the_command(mutant: Mutant, code: int) -> None:
    ended = run(mutant)
    assert ended.exit_code == code, ended.output
    last = f"{1 - code} killed, {code} survived, 0 equivalent, 0 called equivalent in error, 0 hung, 0 died"
    assert ended.stdout.splitlines()[-1] == last
    assert CliRunner().invoke(main, ["mutants", "--match", "none"]).exit_code == 2
