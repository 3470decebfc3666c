"""`scripts/room-sizes` over a tree of its own: what it measures, and which rooms it lets be longer."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = "# A page\n\n<!-- room-sizes -->\nold\n<!-- /room-sizes -->\n\nIts end\n"
SHORT = "def one() -> int:\n\n    return 1\n" + "\n" * 9  # 12 lines; the function has 2, for blank ones do not count


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree with the script and one room each that all bounds fit."""
    for folder in ("scripts", "docs", "mecai/wood", "testbed/field"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "room-sizes", tmp_path / "scripts")
    (tmp_path / "docs" / "architecture.md").write_text(PAGE)
    (tmp_path / "mecai" / "wood" / "tree.py").write_text(SHORT)
    (tmp_path / "testbed" / "field" / "hare.py").write_text(SHORT)
    return tmp_path


def run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, tree / "scripts" / "room-sizes", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def function(lines: int) -> str:
    return "def long() -> None:\n" + "    pass\n" * (lines - 1)


def test_medians_and_90th_percentiles_of_files_and_functions(tree: Path) -> None:
    """Of ten functions the ninth is the 90th percentile; a file of ten lines does not count."""
    (tree / "mecai" / "wood" / "tree.py").write_text("\n".join(map(function, range(2, 12))))
    (tree / "mecai" / "wood" / "mark.py").write_text("\n" * 10)
    assert "| `mecai/wood/` | 1 | 74 | 74 | 10 | 6.5 | 10 |\n" in run(tree).stdout


def test_rooms_within_the_bounds_pass_without_a_word(tree: Path) -> None:
    ended = run(tree, "--check")
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize("text", [function(15), "\n" * 97], ids=["function", "file"])
def test_a_room_beyond_the_bounds_fails_by_name(tree: Path, text: str) -> None:
    (tree / "testbed" / "field" / "hare.py").write_text(text)
    ended = run(tree, "--check")
    assert ended.returncode == 1
    assert "room-sizes: testbed/field has files and functions of" in ended.stdout
    assert "mecai" not in ended.stdout


def tls(tree: Path, longest: int) -> None:
    """Make the room `mecai/tls` with two functions of ten of `longest` lines, too few in the whole to be seen there."""
    (tree / "mecai" / "wood" / "tree.py").write_text(function(2) * 40)
    (tree / "mecai" / "tls").mkdir()
    (tree / "mecai" / "tls" / "room.py").write_text("\n".join(map(function, (*[6] * 8, longest, longest))))


def test_a_room_that_is_left_as_it_is_says_why(tree: Path) -> None:
    tls(tree, 16)
    ended = run(tree, "--check")
    assert ended.returncode == 0
    assert "room-sizes: mecai/tls is left as it is: what stands below Python's ssl" in ended.stdout


def test_a_room_that_is_left_as_it_is_may_not_grow(tree: Path) -> None:
    tls(tree, 17)
    assert run(tree, "--check").returncode == 1


def test_the_table_takes_its_place_on_the_page(tree: Path) -> None:
    for _ in range(2):
        assert run(tree, "--write").returncode == 0
    page = (tree / "docs" / "architecture.md").read_text()
    assert page == PAGE.replace("old\n", run(tree).stdout)


def test_an_unknown_option_is_a_wrong_use(tree: Path) -> None:
    assert run(tree, "--chekc").returncode == 2
