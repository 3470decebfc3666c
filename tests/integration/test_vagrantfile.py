"""The Vagrantfile as Debian's Vagrant reads it, for both providers, and where a wrong environment ends. Offline.

`vagrant validate` reads the whole file but validates the active provider only. VirtualBox is not in Debian, so a
stand-in `VBoxManage` that knows its version lets Vagrant take VirtualBox as installed. That proves that Vagrant accepts
our virtualbox block; it proves nothing about VirtualBox, nor that any box boots. `make vagrant-smoke` runs libvirt.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 60

Result = subprocess.CompletedProcess[str]


def validate(home: Path, provider: str, **environment: str) -> Result:
    """`vagrant validate` with no state but what lies under `home`."""
    settings = {
        "HOME": str(home),
        "PATH": f"{home}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "VAGRANT_HOME": str(home / "vagrant"),
        "VAGRANT_DOTFILE_PATH": str(home / "dotfile"),
        "VAGRANT_DEFAULT_PROVIDER": provider,
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    return subprocess.run(
        ["vagrant", "validate"], cwd=ROOT, env=settings | environment,
        capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip


def assert_valid(result: Result) -> None:
    assert (result.returncode, result.stdout, result.stderr) == (0, "Vagrantfile validated successfully.\n", "")


def test_libvirt(tmp_path: Path) -> None:
    assert_valid(validate(tmp_path, "libvirt"))


def test_virtualbox_with_a_stand_in(tmp_path: Path) -> None:
    stand_in = tmp_path / "VBoxManage"
    stand_in.write_text("#!/bin/sh\necho 7.0.20r163906\n")
    stand_in.chmod(0o755)
    assert_valid(validate(tmp_path, "virtualbox"))


def test_every_setting_of_the_environment_is_taken(tmp_path: Path) -> None:
    settings = {"MECAI_VM_MEMORY": "2048", "MECAI_VM_CPUS": "1", "MECAI_VM_BOX": "a/box", "MECAI_PROVISION": "check"}
    assert_valid(validate(tmp_path, "libvirt", **settings))


@pytest.mark.parametrize("provision", ["lab", "check"])
def test_an_exported_lab_is_handed_in_where_a_lab_is_made(tmp_path: Path, provision: str) -> None:
    archive = tmp_path / "lab.tar.zst"
    archive.touch()
    settings = {"MECAI_LAB_ARCHIVE": str(archive), "MECAI_PROVISION": provision}
    assert_valid(validate(tmp_path, "libvirt", **settings))


@pytest.mark.parametrize(
    ("name", "value", "rest"),
    [
        ("MECAI_VM_MEMORY", "4G", "expected MiB of memory, a whole number of at least 1024; try MECAI_VM_MEMORY=4096"),
        ("MECAI_VM_MEMORY", "64", "expected MiB of memory, a whole number of at least 1024; try MECAI_VM_MEMORY=4096"),
        ("MECAI_VM_CPUS", "0", "expected a count of processors, a whole number of at least 1; try MECAI_VM_CPUS=2"),
        ("MECAI_VM_CPUS", "", "expected a count of processors, a whole number of at least 1; try MECAI_VM_CPUS=2"),
        ("MECAI_VM_BOX", " ", "expected the name of a Debian 13 box; try unset MECAI_VM_BOX"),
        (
            "MECAI_LAB_ARCHIVE",
            "nowhere.tar.zst",
            "expected a file of `testbed save --export FILE`; unset it to make a lab inside",
        ),
        ("MECAI_PROVISION", "all", "expected one of lab, check; try MECAI_PROVISION=lab"),
    ],
)
def test_a_wrong_setting_ends_in_one_line(tmp_path: Path, name: str, value: str, rest: str) -> None:
    result = validate(tmp_path, "libvirt", **{name: value})
    assert result.returncode == 2
    assert result.stdout + result.stderr == f'Vagrantfile: {name} is "{value}", {rest}\n'
