"""What a crash, a full disk or another process leaves behind, and what the next publishing makes of it."""

import errno
import fcntl
import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509

from mecai.ca.authority.operations import opened
from mecai.ca.config import AuthorityConfig
from mecai.ca.repository.status import StatusFolder
from mecai.ca.storage.keystore import locked
from mecai.ca.storage.records import CertificateProfile, Issuer, RegisterEntry, serial_text
from mecai.errors import HostError
from mecai.service import durable
from tests.pki import HOUR, NOW, key

PUBLIC_KEY = key("www").public_key()
SECONDS = 60
CONTEXT = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def _established(authority: object) -> None:
    """Have an authority in place."""


def issue(config: AuthorityConfig, name: str = "www.example.test", now: datetime = NOW) -> x509.Certificate:
    with opened(config) as authority:
        return authority.issue(CertificateProfile.SERVER, PUBLIC_KEY, [name], None, now)[0]


def entries(config: AuthorityConfig) -> tuple[RegisterEntry, ...]:
    with opened(config) as authority:
        return authority.entries()


def publish(config: AuthorityConfig, now: datetime = NOW) -> None:
    with opened(config) as authority:
        authority.publish(now)


def files(config: AuthorityConfig) -> set[str]:
    return {path.stem for path in (config.public / "status" / "issuing").glob("*.der")}


def in_process(work: Callable[[], object]) -> int | None:
    """Run `work` in a process of its own; returns its exit code."""
    process = CONTEXT.Process(target=work)
    process.start()
    process.join(SECONDS)
    return process.exitcode


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_between_register_and_publication(
    config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The kill comes when the file is to be written, or is in place and not noted yet."""
    real = StatusFolder.write

    def killed(self: StatusFolder, issuer: Issuer, serial: str, response: bytes) -> None:
        if moment == "after":
            real(self, issuer, serial, response)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(StatusFolder, "write", killed)
    assert in_process(lambda: issue(config)) == -signal.SIGKILL
    monkeypatch.undo()
    entry = entries(config)[-1]
    assert (entry.profile, len(files(config))) == (CertificateProfile.SERVER, moment == "after")
    publish(config)
    assert files(config) == {entry.serial}
    assert StatusFolder(config.public).look_up(Issuer.ISSUING, entry.certificate.serial_number).issued


def test_killed_between_a_revocation_and_its_publication(
    config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf = issue(config)

    def revoke() -> None:
        with opened(config) as authority:
            authority.revoke(leaf.serial_number, x509.ReasonFlags.key_compromise, NOW + HOUR)

    monkeypatch.setattr(StatusFolder, "write", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert in_process(revoke) == -signal.SIGKILL
    monkeypatch.undo()
    publish(config, NOW + HOUR)
    assert StatusFolder(config.public).look_up(Issuer.ISSUING, leaf.serial_number).revocation
    crl = x509.load_der_x509_crl((config.public / "issuing.crl").read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number)


def test_a_full_disk_is_named_and_made_up_for(config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HostError, match=r"\.der: cannot be written \(No space left on device\)"):
        issue(config)
    monkeypatch.undo()
    assert list((config.public / "status" / "issuing").iterdir()) == []
    publish(config)
    assert files(config) == {entries(config)[-1].serial}


def test_as_long_as_status_is_lost_no_serial_number_is_called_unknown(
    config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf = issue(config)
    (config.public / "status" / "issuing" / f"{serial_text(leaf.serial_number)}.der").unlink()
    monkeypatch.setattr(StatusFolder, "write", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert in_process(lambda: publish(config)) == -signal.SIGKILL
    monkeypatch.undo()
    with pytest.raises(HostError, match="not all of it is there"):
        StatusFolder(config.public).look_up(Issuer.ISSUING, leaf.serial_number)
    publish(config)
    assert StatusFolder(config.public).look_up(Issuer.ISSUING, leaf.serial_number).issued


def test_a_number_that_a_failed_crl_has_used_is_not_used_again(
    config: AuthorityConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, signed = durable.replace, []

    def fails_for_crls(path: Path, data: bytes, mode: int) -> bool:
        if path.suffix == ".crl":
            signed.append(data)
            raise HostError(f"{path}: cannot be written")
        return real(path, data, mode)

    (config.public / "root.crl").unlink()
    monkeypatch.setattr(durable, "replace", fails_for_crls)
    with pytest.raises(HostError, match=r"root\.crl: cannot be written"):
        publish(config)
    monkeypatch.undo()
    publish(config)
    numbers = [
        x509.load_der_x509_crl(der).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for der in (*signed, (config.public / "root.crl").read_bytes())
    ]
    assert numbers == [2, 3]


def test_two_issuers_at_once_lose_nothing(config: AuthorityConfig) -> None:
    each = 8

    def work() -> None:
        for number in range(each):
            issue(config, f"www{number}.example.test")

    processes = [CONTEXT.Process(target=work) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
    assert [process.exitcode for process in processes] == [0, 0]
    issued = {entry.serial for entry in entries(config) if entry.profile is CertificateProfile.SERVER}
    assert len(issued) == 2 * each
    assert files(config) == issued


def test_two_purposes_of_one_key_at_once_are_one(config: AuthorityConfig) -> None:
    both = CONTEXT.Barrier(2)

    def work(profile: CertificateProfile, name: str) -> None:
        with opened(config) as authority:
            both.wait(SECONDS)
            authority.issue(profile, PUBLIC_KEY, [name], None, NOW)

    profiles = ((CertificateProfile.SERVER, "www.example.test"), (CertificateProfile.VA, "vas.example.test"))
    processes = [CONTEXT.Process(target=work, args=each) for each in profiles]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
    assert sorted(process.exitcode or 0 for process in processes) == [0, 1]
    assert len({entry.profile for entry in entries(config)} & {profile for profile, _ in profiles}) == 1


def test_who_waits_for_the_lock_is_next(config: AuthorityConfig) -> None:
    """A publisher that takes the lock again at once lets an issuer in between."""
    begin, done = CONTEXT.Event(), CONTEXT.Event()

    def wait_in_line() -> None:
        begin.wait(SECONDS)
        with locked(config.state):
            done.set()

    waiter = CONTEXT.Process(target=wait_in_line)
    waiter.start()
    with locked(config.state):
        begin.set()
        while _is_free(config.state / "turn"):
            assert waiter.is_alive()
        assert not done.is_set()
    with locked(config.state):
        assert done.is_set()
    waiter.join(SECONDS)


def _is_free(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
