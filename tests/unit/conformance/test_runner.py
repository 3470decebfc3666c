"""The runner against clients that are wrong, slow, dead or talking nonsense."""

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conformance import vectors
from tests.conformance.__main__ import main
from tests.conformance.runner import OPTIONAL
from tests.patience import SECONDS

ROOT = Path(__file__).resolve().parents[3]
CASES = [vector for vector in vectors.load() if vector.identifier.startswith("c1-")]  # both: refused, no-voucher
FIRST, SECOND = (vector.identifier for vector in CASES)
RIGHT = 'say(id=case["id"], verdict="refused", reason="no-voucher")'
EXPECTED = json.dumps({vector.identifier: vector.expected for vector in vectors.load()})
ORACLE = "say(id=case['id'], **known()[case['id']])"
BOUND = "5"  # seconds, where a client is to exceed them; the next one starts in them, on a busy machine too

Client = Callable[[str], str]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """Return a maker of commands: a Python program that runs some statements for each `case`."""

    def make(statements: str) -> str:
        program = tmp_path / "client.py"
        (tmp_path / "expected.json").write_text(EXPECTED)
        program.write_text(
            "import functools, json, os, signal, sys\n"
            "def say(**answer):\n"
            "    print(json.dumps(answer), flush=True)\n"
            "@functools.cache\n"
            "def known():\n"
            f"    with open({str(tmp_path / 'expected.json')!r}) as file:\n"
            "        return json.load(file)\n"
            "for line in sys.stdin:\n"
            "    case = json.loads(line)\n" + "".join(f"    {line}\n" for line in statements.splitlines())
        )
        return shlex.join((sys.executable, str(program)))

    return make


def run(command: str, *more: str, pattern: str = "c1-*", bound: str = f"{SECONDS}") -> Result:
    words = ["--client", command, "--case", pattern, "--timeout", bound, *more]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def observed(command: str, **more: str) -> dict[str, dict[str, str]]:
    """Run a client and return what was seen of it, by case."""
    ended = run(command, "--format", "json", **more)
    return {case["id"]: case["observed"] for case in json.loads(ended.stdout)["cases"]}


def test_right_answers_pass(client: Client) -> None:
    ended = run(client(RIGHT))
    assert ended.stdout.splitlines()[-1] == "2 passed, 0 failed, 0 skipped"
    assert ended.exit_code == 0


def test_a_client_that_knows_every_answer_passes_all(client: Client) -> None:
    """Every expectation can be met by one line of JSON."""
    ended = run(client(ORACLE), "--strict", pattern="*")
    assert ended.stdout.splitlines()[-2:] == ["conforming", f"{len(vectors.load())} passed, 0 failed, 0 skipped"]
    assert ended.exit_code == 0


@pytest.mark.parametrize(
    "answer",
    ['verdict="accepted", vouchers=[]', 'verdict="refused", reason="quorum"', 'verdict="refused"', 'verdict="maybe"'],
)
def test_wrong_answers_fail(client: Client, answer: str) -> None:
    ended = run(client(f'say(id=case["id"], {answer})'))
    assert ended.stdout.splitlines()[-1] == "0 passed, 2 failed, 0 skipped"
    assert FIRST in ended.stdout
    assert "refused: no-voucher" in ended.stdout
    assert ended.exit_code == 1


def test_the_right_verdict_with_a_wrong_result_fails(client: Client) -> None:
    command = client('say(id=case["id"], verdict="accepted", vouchers=["00"])')
    ended = run(command, pattern="everything-in-order")
    assert ended.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
    assert 'vouchers: ["00"], expected' in ended.stdout


SKIP = 'say(id=case["id"], verdict="skipped", reason="not on Sundays")'


def test_what_no_client_does_without_cannot_be_skipped(client: Client) -> None:
    ended = run(client(SKIP))
    assert ended.stdout.splitlines()[-2:] == ["not conforming", "0 passed, 2 failed, 0 skipped"]
    assert "skipped: not on Sundays" in ended.stdout
    assert "no client does without connection" in ended.stdout
    assert ended.exit_code == 1


def test_a_client_that_skips_every_case_does_not_conform(client: Client) -> None:
    document = json.loads(run(client(SKIP), "--format", "json", pattern="*").stdout)
    assert document["conforming"] is False
    kinds = {kind: counts for kind, counts in document["kinds"].items() if counts["failed"]}
    assert kinds.keys() == {"connection", "directory", "selection", "vouchers"}
    assert not any(counts["passed"] or counts["skipped"] for counts in kinds.values())
    assert document["leftOut"] == ["cached", "choice", "intranet", "request"]


@pytest.mark.parametrize(
    ("kind", "pattern"), [("choice", "t5-*"), ("request", "r3-*"), ("intranet", "m4-*"), ("cached", "c5-*")]
)
def test_what_a_client_may_do_without_is_told_and_strict_takes_no_skip(kind: str, pattern: str, client: Client) -> None:
    command = client(f'if case["kind"] == "{kind}": {SKIP}\nelse: {ORACLE}')
    ended = run(command, pattern=pattern)
    said = [vector.kind for vector in vectors.load() if fnmatchcase(vector.identifier, pattern)]
    last = f"{len(said) - said.count(kind)} passed, 0 failed, {said.count(kind)} skipped"
    assert said.count(kind)
    assert ended.stdout.splitlines()[-1] == last
    assert "not on Sundays" in ended.stdout
    assert re.search(rf"│ {kind} +│ 0 +│ 0 +│ {said.count(kind)} +│", ended.stdout)
    assert (ended.exit_code, run(command, "--strict", pattern=pattern).exit_code) == (0, 1)


def test_what_is_answered_in_part_is_not_left_out(client: Client) -> None:
    """Who keeps vouchers does it by every rule."""
    names = [vector.identifier for vector in vectors.load() if vector.kind == "cached"]
    ended = run(client(f'if case["id"] == "{names[0]}": {SKIP}\nelse: {ORACLE}'), pattern="c5-*")
    assert "1 failed, 0 skipped" in ended.stdout.splitlines()[-1]
    assert "others of this kind are answered" in ended.stdout
    assert ended.exit_code == 1


def test_conforming_is_said_of_the_whole_suite_and_with_what_was_left_out(client: Client) -> None:
    ended = run(client(f'if case["kind"] == "cached": {SKIP}\nelse: {ORACLE}'), pattern="*")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[-2] == "conforming, without cached: keeping vouchers (C5)"
    total = len(vectors.load())
    ended = run(client(RIGHT))
    assert ended.stdout.splitlines()[-2] == f"nothing failed; 2 of {total} cases say nothing of conformance"
    assert json.loads(run(client(RIGHT), "--format", "json").stdout)["conforming"] is None


def test_the_text_says_the_same() -> None:
    """The specification names what may be left out, and the table of kinds marks it."""
    text = (ROOT / "docs" / "spec" / "README.md").read_text(encoding="utf-8").split("## Conformance")[1]
    assert set(re.findall(r"`(\w+)`", text)) == OPTIONAL.keys()
    table = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \(optional\) ", table, re.MULTILINE)) == OPTIONAL.keys()


@pytest.mark.parametrize("reason", ["", ', reason=""', ", reason=None"])
def test_a_skip_without_reason_is_a_failure(client: Client, reason: str) -> None:
    assert observed(client(f'say(id=case["id"], verdict="skipped"{reason})'))[FIRST]["verdict"] == "GARBAGE"


def test_a_hang_is_a_verdict_and_the_next_case_is_asked(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    hang = f"open({str(note)!r}, 'w').write(str(os.getpid()))\n    signal.pause()"
    seen = observed(client(f"if case['id'] == {FIRST!r}:\n    {hang}\n{RIGHT}"), bound=BOUND)
    assert seen[FIRST] == {"verdict": "HANG", "reason": f"no answer within {BOUND} s"}
    assert seen[SECOND]["verdict"] == "refused"
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_client_that_never_reads_hangs(client: Client) -> None:
    """Its pipe fills up; writing is bounded as reading is."""
    command = client("").removesuffix("client.py") + "deaf.py"
    Path(shlex.split(command)[-1]).write_text("import signal\nsignal.pause()\n")
    ended = run(command, "--format", "json", pattern="r2-octets-65537", bound=BOUND)
    assert json.loads(ended.stdout)["cases"][0]["observed"]["verdict"] == "HANG"


def test_a_crash_is_a_verdict_with_its_last_words(client: Client) -> None:
    seen = observed(client(f"if case['id'] == {FIRST!r}:\n    sys.exit('out of ideas')\n{RIGHT}"))
    assert seen[FIRST] == {"verdict": "CRASH", "reason": "out of ideas"}
    assert seen[SECOND]["verdict"] == "refused"


def test_half_a_line_is_a_crash(client: Client) -> None:
    seen = observed(client("sys.stdout.write('{')\nsys.exit()"))
    assert seen[FIRST] == {"verdict": "CRASH", "reason": "it ended and said nothing"}


@pytest.mark.parametrize(
    "statement",
    [
        "print('what?', flush=True)",
        "print('[]', flush=True)",
        "print('{}', flush=True)",
        "print('[' * 100000, flush=True)",
        "print('x' * 2000000, flush=True)",
        "say(id='another', verdict='refused', reason='no-voucher')",
        "say(id=case['id'], verdict=True)",
    ],
)
def test_garbage_is_a_verdict(client: Client, statement: str) -> None:
    seen = observed(client(f"if case['id'] == {FIRST!r}:\n    {statement}\nelse:\n    {RIGHT}"))
    assert [seen[name]["verdict"] for name in (FIRST, SECOND)] == ["GARBAGE", "refused"]


def test_a_client_that_never_answers_is_given_up(client: Client) -> None:
    ended = run(client("sys.exit()"), "--format", "json", pattern="v9-*")
    verdicts = [case["observed"]["verdict"] for case in json.loads(ended.stdout)["cases"]]
    assert verdicts[:6] == ["CRASH"] * 5 + ["NOT ASKED"]
    assert ended.stderr.splitlines()[-1] == f"0 passed, {len(verdicts)} failed, 0 skipped"
    assert ended.exit_code == 1


def test_the_document(client: Client) -> None:
    command = client(RIGHT)
    document = json.loads(run(command, "--format", "json").stdout)
    counts = {"passed", "failed", "skipped"}
    assert document.keys() == {"client", "conforming", "leftOut", *counts, "kinds", "cases"}
    assert document["kinds"] == {"connection": {"passed": 2, "failed": 0, "skipped": 0}}
    assert (document["client"], document["passed"]) == (command, 2)
    assert document["cases"][0] == {
        "id": FIRST,
        "rules": ["C1"],
        "outcome": "passed",
        "expected": {"verdict": "refused", "reason": "no-voucher"},
        "observed": {"id": FIRST, "verdict": "refused", "reason": "no-voucher"},
    }


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--client", "no-such-program --at all"], "no such program"),
        (["--client", ""], "no such program"),
        (["--case", "no-such-case"], "no case is called 'no-such-case'"),
        (["show", "no-such-case"], "no case is called 'no-such-case'"),
    ],
)
def test_usage(words: list[str], line: str) -> None:
    ended = CliRunner().invoke(main, words)
    assert ended.exit_code == 2
    assert line in ended.stderr


def test_show_gives_everything_about_a_case() -> None:
    ended = CliRunner().invoke(main, ["show", FIRST])
    assert ended.exit_code == 0
    assert "(C1)" in ended.stdout
    assert '"peerAddress": "198.18.0.10"' in ended.stdout
    assert '"@' not in ended.stdout


def test_generate_check() -> None:
    ended = CliRunner().invoke(main, ["generate", "--check"])
    assert (ended.exit_code, ended.stdout.split()[1:]) == (0, ["cases", "in", "vectors/"])


def test_the_client_of_the_documentation(tmp_path: Path) -> None:
    """What docs/conformance.md shows is a client: right where it knows, silent with a reason elsewhere."""
    text = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    program = tmp_path / "client.py"
    program.write_text(text.split("```python\n")[1].split("```")[0], encoding="utf-8")
    kinds = [vector.kind for vector in vectors.load()]
    known, optional = kinds.count("vouchers"), sum(kind in OPTIONAL for kind in kinds)
    ended = run(shlex.join((sys.executable, str(program))), pattern="*")
    others = len(kinds) - known - optional
    assert ended.stdout.splitlines()[-1] == f"{known} passed, {others} failed, {optional} skipped"


def test_the_run_of_the_documentation(client: Client) -> None:
    """What docs/conformance.md shows of a run is what a run says."""
    shown = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8").split("--timeout 2\n")[1].split("```")[0]
    wrong = re.findall(r"^│ (v9-\S+)", shown, re.MULTILINE)
    ended = run(
        client(f'if case["id"] in {wrong}: say(id=case["id"], verdict="accepted")\nelse: {ORACLE}'), pattern="v9-*"
    )
    assert ended.stdout.splitlines()[-7:] == shown.splitlines()[-7:]
