"""What decides an image, and where it is built from."""

import os
from pathlib import Path

import pytest

from mecai.errors import HostError
from testbed.machine import locks, mounts, tools
from testbed.provision.image import build, workshop

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
    monkeypatch.setattr(build, "architecture", lambda: "amd64")
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


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> build.Image:
    """Give an image that is built by making files."""
    monkeypatch.setattr(build, "_download_wheels", lambda directory, _log: directory.mkdir())
    monkeypatch.setattr(build, "_bootstrap", lambda place, _log, _note: (place / "root" / "etc").mkdir(parents=True))
    return build.Image("0123456789abcdef", tmp_path / "images")


def ensure(image: build.Image) -> bool:
    return build.ensure(image, image.cache / "log", lambda _note: None)


def test_an_image_is_built_once_and_nothing_but_it_is_left(image: build.Image) -> None:
    assert ensure(image)
    assert not ensure(image)
    assert [path.name for path in image.cache.iterdir()] == [image.hash]
    assert [path.name for path in image.directory.iterdir()] == ["root"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, HostError])
def test_a_build_that_is_broken_off_leaves_neither_mounts_nor_files(
    end: type[BaseException], image: build.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[tuple[Path, bool]] = []
    monkeypatch.setattr(mounts, "release", lambda path: released.append((path, path.exists())))

    def break_off(place: Path, _log: Path, _note: object) -> None:
        (place / "root" / "proc").mkdir(parents=True)
        raise end

    monkeypatch.setattr(build, "_bootstrap", break_off)
    with pytest.raises(end):
        ensure(image)
    assert released[-1] == (image.cache / f"{image.hash}.building", True)
    assert list(image.cache.iterdir()) == []


def test_what_a_killed_build_left_is_cleared_and_one_that_goes_on_is_not(image: build.Image) -> None:
    for name in ("aaaa.building", "bbbb.building"):
        (image.cache / name / "root").mkdir(parents=True)
    with locks.hold(image.cache / "bbbb.lock"):
        workshop.clear_unfinished(image.cache)
        assert sorted(path.name for path in image.cache.iterdir()) == ["bbbb.building", "bbbb.lock"]


def test_a_build_without_network_names_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = "E: Failed to fetch http://mirror.example/debian/dists/trixie/InRelease  Could not resolve 'mirror.example'"
    words = [
        "Err:1 http://mirror.example/debian trixie InRelease",
        fetch,
        "E: Some index files failed to download. They have been ignored, or old ones used instead.",
        "E: apt-get update --error-on=any -oDpkg::Use-Pty=false failed",
        "I: main() received signal PIPE: waiting for setup...",
        "E: mmdebstrap failed to run",
    ]
    program = tmp_path / "mmdebstrap"
    program.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(words) + "\nEND\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(build, "mirror", lambda: "http://mirror.example/debian")
    monkeypatch.setattr(build, "acquire_options", list)
    with pytest.raises(HostError, match=r"^mmdebstrap: exit code 1: .*; cause: E: Failed to fetch .* Could not reso"):
        build._bootstrap(tmp_path, tmp_path / "log", lambda _note: None)
