"""A CA whose disk is full: it says so in one line, what is public stays whole, and with room again nothing is missing.

The disk is a real one, a small tmpfs in a mount namespace of the test's own, which ends with it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from mecai.ca.storage.records import serial_text

MECAI = [sys.executable, "-c", "from mecai.cli.main import main; main()"]
BOUND = 120  # seconds
HOST_ERROR = 3

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


class Disk:
    """A folder that is a small disk, seen by the programs that run on it and by nobody else."""

    def __init__(self, folder: Path, size: str = "4m") -> None:
        self.folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "sh", "-c",
             f"mount -t tmpfs -o size={size} tmpfs {folder} && echo mounted && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout
        assert self._holder.stdout.readline() == b"mounted\n"
        self.seen = Path(f"/proc/{self._holder.pid}/root{folder}")
        # What a command line begins with whose program sees the disk.
        self.entering = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", f"--wdns={Path.cwd()}", "--"]

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program that sees the disk."""
        inside = [*self.entering, *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=BOUND, check=False)

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.seen / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def free(self) -> None:
        """Make room again."""
        (self.seen / "ballast").unlink()

    def end(self) -> None:
        """End the namespace, and the disk with it."""
        self._holder.communicate(timeout=BOUND)


@pytest.fixture(params=["public", "state"])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Disk, Path]]:
    """Make a CA with its state or its public folder on a small disk, and one certificate."""
    (disk_folder := tmp_path / "disk").mkdir()
    disk = Disk(disk_folder)
    places = {"public": tmp_path / "public", "state": tmp_path / "state"} | {request.param: disk_folder / "ca"}
    (tmp_path / "ca.toml").write_text(
        f'name = "alder"\nowner_group = "alder"\nregion = "north"\nocsp_url = "http://ocsp.alder.test"\n'
        f'vas_url = "https://vas.alder.test"\nstate = "{places["state"]}"\npublic = "{places["public"]}"\n'
    )
    try:
        assert ca(disk, tmp_path, "init").returncode == 0
        yield disk, disk.seen / "ca" if request.param == "public" else tmp_path / "public"
    finally:
        disk.end()
        shutil.rmtree(disk_folder, ignore_errors=True)


def ca(disk: Disk, folder: Path, verb: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return disk.run(*MECAI, "ca", verb, "--config", f"{folder}/ca.toml", *words)


def statuses(public: Path) -> dict[str, ocsp.OCSPCertStatus]:
    """Read every published status; one that is no whole response fails the test."""
    files = sorted(public.glob("status/*/*.der"))
    return {file.stem: ocsp.load_der_ocsp_response(file.read_bytes()).certificate_status for file in files}


def test_a_full_disk_is_told_in_one_line_and_breaks_nothing(authority: tuple[Disk, Path], tmp_path: Path) -> None:
    disk, public = authority
    before = statuses(public)
    assert set(before.values()) == {ocsp.OCSPCertStatus.GOOD}
    issuing = x509.load_pem_x509_certificate((public / "issuing.pem").read_bytes())
    serial = serial_text(issuing.serial_number)
    disk.fill()
    refused = ca(disk, tmp_path, "revoke", "--serial", serial)
    assert refused.returncode == HOST_ERROR, refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert statuses(public) == before
    assert not [path for path in public.rglob(".*") if path.is_file()]  # nothing half-written is left
    disk.free()
    assert ca(disk, tmp_path, "revoke", "--serial", serial).returncode == 0
    assert ca(disk, tmp_path, "publish").returncode == 0
    assert statuses(public) == before | {serial: ocsp.OCSPCertStatus.REVOKED}


@pytest.mark.parametrize("authority", ["public"], indirect=True)
def test_the_hourly_publication_fails_visibly_and_makes_up_for_it(authority: tuple[Disk, Path], tmp_path: Path) -> None:
    """As the unit's command, whose exit code makes the unit fail: a status that is lost cannot be written."""
    disk, public = authority
    before = statuses(public)
    lost = next(iter(public.glob("status/root/*.der")))
    lost.unlink()
    disk.fill()
    failed = ca(disk, tmp_path, "publish")
    assert (failed.returncode, len(failed.stderr.splitlines())) == (HOST_ERROR, 1), failed.stderr
    assert f"{lost.stem}.der: cannot be written (No space left on device)" in failed.stderr
    assert statuses(public).items() <= before.items()
    disk.free()
    assert ca(disk, tmp_path, "publish").returncode == 0
    assert statuses(public) == before
