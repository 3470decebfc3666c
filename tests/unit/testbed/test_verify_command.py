"""`testbed verify` says what was found, whatever becomes of its files, and its exit code is the verdict."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.cli import verify
from testbed.machine import tools
from testbed.report import folder, trials
from testbed.report.outcome import Verification
from tests.unit.testbed.fakes import FakeDriver
from tests.unit.testbed.test_cli import call
from tests.unit.testbed.verifications import BROKEN, LEFT_OUT, different, good, lab, verification
from tests.unit.testbed.world import PLAN


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for the results; the lab is in memory."""
    monkeypatch.setattr(tools, "require_root", lambda: "root")
    monkeypatch.setattr(verify, "open_lab", lambda _id: (FakeDriver(lab(tmp_path)), PLAN))
    return tmp_path / "out"


def find(found: Verification, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "verify", lambda *_: found)


def test_what_is_as_expected_ends_with_0_and_what_was_left_out_is_said(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find(verification([good(lab(tmp_path)), LEFT_OUT]), monkeypatch)
    code, said, _ = call(["verify", "--out", str(out)], monkeypatch, capsys)
    assert code == 0
    assert said.splitlines() == [
        "as expected: 6 good, 0 different, 0 broken, 1 left-out",
        f"results: {out}/verify.html, .json, .xml",
    ]


@pytest.mark.parametrize("bad", ["different", "broken"])
def test_what_is_not_as_expected_ends_with_1(
    bad: str, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = BROKEN if bad == "broken" else different(lab(tmp_path))
    find(verification([good(lab(tmp_path)), trial]), monkeypatch)
    code, said, _ = call(["verify", "--out", str(out), "--format", "json"], monkeypatch, capsys)
    assert code == 1
    assert json.loads(said) == json.loads((out / "verify.json").read_text(encoding="utf-8"))


def test_a_full_disk_is_one_line_after_what_was_found(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find(verification([good(lab(tmp_path))]), monkeypatch)
    real = folder.write_file

    def full(path: Path, text: str) -> None:
        if path.suffix != ".json" or "version" in text:
            raise OSError(28, "No space left on device")
        real(path, text)

    monkeypatch.setattr(folder, "write_file", full)
    code, said, error = call(["verify", "--out", str(out)], monkeypatch, capsys)
    assert code == 3
    assert said == "as expected: 6 good, 0 different, 0 broken, 0 left-out\n"
    assert error == (f"testbed: {out}: results not written: No space left on device: give another folder with --out\n")


def test_who_breaks_it_off_gets_the_page_and_130(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find(replace(verification([good(lab(tmp_path)), LEFT_OUT]), interrupted=True), monkeypatch)
    code, said, _ = call(["verify", "--out", str(out)], monkeypatch, capsys)
    assert code == 130
    assert said.startswith("broken off: 6 good")
    assert "Broken off before its end" in (out / "verify.html").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_played(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out.write_text("a file", encoding="utf-8")
    monkeypatch.setattr(trials, "verify", lambda *_: pytest.fail("played"))
    code, _, error = call(["verify", "--out", str(out / "below")], monkeypatch, capsys)
    assert code == 3
    assert error.count("\n") == 1
    assert "Not a directory" in error
