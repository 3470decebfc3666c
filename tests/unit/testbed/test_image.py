"""What decides an image, and where it is built from."""

from pathlib import Path

import pytest

from mecai.errors import HostError
from testbed.machine import tools
from testbed.provision.image import build

LISTING = """main bookworm http://mirror.example/debian
main bookworm-updates http://mirror.example/debian
main bookworm-security http://security.example/debian-security
stable other http://vendor.example/packages
"""


def answer(monkeypatch: pytest.MonkeyPatch, *listings: str) -> list[str]:
    """Let apt answer with these listings, one after the other; returns the commands that were run."""
    commands: list[str] = []
    answers = iter(listings)

    def run(argv: list[str], **_options: object) -> str:
        commands.append(argv[1])
        return next(answers) if argv[1] == "indextargets" else ""

    monkeypatch.setattr(tools, "run", run)
    return commands


def test_the_mirror_is_the_one_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, LISTING, LISTING)
    assert build.mirror() == "http://mirror.example/debian"


def test_apt_is_brought_up_to_date_only_when_it_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = answer(monkeypatch, "", LISTING)
    assert build.mirror() == "http://mirror.example/debian"
    assert commands == ["indextargets", "update", "indextargets"]


def test_a_machine_without_the_debian_archive_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "", "stable other http://vendor.example/packages\n")
    with pytest.raises(HostError, match="knows no mirror of the Debian archive: add one to"):
        build.mirror()


def test_the_image_follows_its_inputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "_architecture", lambda: "amd64")
    before = build.wanted()
    assert build.wanted() == before

    requirements = tmp_path / "runtime.txt"
    requirements.write_text("flask==1.0\n", encoding="utf-8")
    monkeypatch.setattr(build, "_requirements", lambda: requirements)
    assert build.wanted() != before


def test_comments_in_the_package_list_decide_nothing() -> None:
    packages = build._packages()
    assert "nginx" in packages
    assert all(name.strip() == name and "#" not in name for name in packages)
