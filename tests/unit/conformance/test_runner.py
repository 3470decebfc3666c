"""The runner against clients that are wrong, slow, dead or talking nonsense."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conformance import vectors
from tests.conformance.__main__ import main

ROOT = Path(__file__).resolve().parents[3]
CASES = [vector for vector in vectors.load() if vector.identifier.startswith("c1-")]  # both: refused, no-voucher
FIRST, SECOND = (vector.identifier for vector in CASES)
RIGHT = 'say(id=case["id"], verdict="refused", reason="no-voucher")'
BOUND = "3"  # seconds: a Python program starts in them, on a busy machine too

Client = Callable[[str], str]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """Return a maker of commands: a Python program that runs some statements for each `case`."""

    def make(statements: str) -> str:
        program = tmp_path / "client.py"
        program.write_text(
            "import json, os, signal, sys\n"
            "def say(**answer):\n"
            "    print(json.dumps(answer), flush=True)\n"
            "for line in sys.stdin:\n"
            "    case = json.loads(line)\n" + "".join(f"    {line}\n" for line in statements.splitlines())
        )
        return shlex.join((sys.executable, str(program)))

    return make


def run(command: str, *more: str, pattern: str = "c1-*") -> Result:
    words = ["--client", command, "--case", pattern, "--timeout", BOUND, *more]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def observed(command: str) -> dict[str, dict[str, str]]:
    """Run a client and return what was seen of it, by case."""
    return {case["id"]: case["observed"] for case in json.loads(run(command, "--format", "json").stdout)["cases"]}


def test_right_answers_pass(client: Client) -> None:
    ended = run(client(RIGHT))
    assert ended.stdout.splitlines()[-1] == "2 passed, 0 failed, 0 skipped"
    assert ended.exit_code == 0


def test_a_client_that_knows_every_answer_passes_all(client: Client) -> None:
    """Every expectation can be met by one line of JSON."""
    oracle = f"sys.path.insert(0, {str(ROOT)!r})\nfrom tests.conformance import vectors\n"
    oracle += "known = globals().get('known') or {vector.identifier: vector.expected for vector in vectors.load()}\n"
    ended = run(client(oracle + "say(id=case['id'], **known[case['id']])"), pattern="*")
    assert ended.stdout.splitlines()[-1] == f"{len(vectors.load())} passed, 0 failed, 0 skipped"


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


def test_a_skip_with_its_reason_is_no_failure(client: Client) -> None:
    ended = run(client('say(id=case["id"], verdict="skipped", reason="no vouchers on Sundays")'))
    assert ended.stdout.splitlines()[-1] == "0 passed, 0 failed, 2 skipped"
    assert "no vouchers on Sundays" in ended.stdout
    assert ended.exit_code == 0


@pytest.mark.parametrize("reason", ["", ', reason=""', ", reason=None"])
def test_a_skip_without_reason_is_a_failure(client: Client, reason: str) -> None:
    assert observed(client(f'say(id=case["id"], verdict="skipped"{reason})'))[FIRST]["verdict"] == "GARBAGE"


def test_a_hang_is_a_verdict_and_the_next_case_is_asked(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    hang = f"open({str(note)!r}, 'w').write(str(os.getpid()))\n    signal.pause()"
    seen = observed(client(f"if case['id'] == {FIRST!r}:\n    {hang}\n{RIGHT}"))
    assert seen[FIRST] == {"verdict": "HANG", "reason": f"no answer within {BOUND} s"}
    assert seen[SECOND]["verdict"] == "refused"
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_client_that_never_reads_hangs(client: Client) -> None:
    """Its pipe fills up; writing is bounded as reading is."""
    command = client("").removesuffix("client.py") + "deaf.py"
    Path(shlex.split(command)[-1]).write_text("import signal\nsignal.pause()\n")
    ended = run(command, "--format", "json", pattern="r2-octets-65537")
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
    assert document.keys() == {"client", "passed", "failed", "skipped", "cases"}
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
    known = sum(vector.kind == "vouchers" for vector in vectors.load())
    ended = run(shlex.join((sys.executable, str(program))), pattern="*")
    others = len(vectors.load()) - known
    assert ended.stdout.splitlines()[-1] == f"{known} passed, 0 failed, {others} skipped"
