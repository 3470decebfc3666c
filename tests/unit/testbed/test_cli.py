"""The verbs answer bad usage with one line and the right exit code, never with a traceback."""

import json
import os
from pathlib import Path

import pytest

from testbed.cli import main
from testbed.drivers import driver_of
from testbed.lifecycle import preflight
from testbed.machine.lab import Lab


def call(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["testbed", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.main()
    output = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, output.out, output.err


@pytest.mark.parametrize("verb", sorted(main.VERBS))
def test_every_verb_has_help_and_a_page(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call([verb, "--help"], monkeypatch, capsys)

    assert code == 0
    assert verb in {"attack", "list"} or "--lab" in out
    assert (Path(main.__file__).parents[2] / "docs" / "testbed" / f"{verb}.md").is_file()


@pytest.mark.parametrize(
    "verb",
    [["up"], ["status"], ["restart", "www"], ["logs", "www"], ["down"], ["exec", "www", "--", "true"], ["ssh", "www"]],
)
def test_without_root_each_verb_says_so(
    verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    code, _, err = call(verb, monkeypatch, capsys)

    assert (code, err) == (3, "testbed: root is needed to make namespaces and mounts, this is user 1000: use sudo\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "--lab", "Not An Id"], "lab id 'Not An Id': expected"),
        (["check", "--topology", "medium"], "no topology 'medium': use one of internet, small"),
        (["check", "--topology", "./nowhere.yml"], "nowhere.yml: cannot be read"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_bad_usage_is_exit_code_2(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    code, _, err = call(arguments, monkeypatch, capsys)

    assert code == 2
    assert message in err


def test_a_lab_that_is_not_there_is_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    code, _, err = call(["status", "--lab", "never-made"], monkeypatch, capsys)

    assert code == 3
    assert err == "testbed: lab never-made: there is none on this machine: make it with: testbed up --lab never-made\n"


def test_check_lists_what_is_missing_and_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = "missing tools: mmdebstrap: apt-get install mmdebstrap"
    findings = [preflight.Finding("root", "root"), preflight.Finding("tools", "", fault)]
    monkeypatch.setattr(preflight, "findings", lambda _driver, _hosts: iter(findings))

    code, out, _ = call(["check"], monkeypatch, capsys)
    assert code == 3
    assert f"no  tools      {fault}\n" in out

    code, out, _ = call(["check", "--format", "json"], monkeypatch, capsys)
    assert code == 3
    assert json.loads(out)["good"] is False


def test_without_root_the_network_check_blames_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    findings = preflight.findings(driver_of(Lab("tiny")), 1)
    [fault] = {finding.fault for finding in findings if finding.check in {"root", "network"}}

    assert fault.startswith("root is needed")
