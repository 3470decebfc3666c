"""A slot: what its links lead to, who may hold it, what a run that was killed left, which keys stay."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mecai.errors import HostError, InputError
from mecai.protocol.objects.succession import parse_succession
from mecai.protocol.pki.identity import hash_of
from mecai.sidecar import slots
from mecai.sidecar.slots import BACKUP, FORMER, LINKS, LIVE, NEXT, Pair, Slot, Turn, read_pair
from tests.pki import NOW, Hierarchy, key

ALDER = Hierarchy("alder")
SITES = tuple(ALDER.server("www.example.test", server_key=key(f"www {number}")) for number in range(4))
FIRST, SECOND, THIRD, FOURTH = (Pair(site.certificate, site.chain_pem, site.key) for site in SITES)


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    return Slot(tmp_path / "tls" / "www")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def stage(slot: Slot, pair: Pair, link: str = NEXT) -> None:
    slot.make()
    with slot.held():
        slot.go(slot.lay(pair, link, NOW))
        slot.tidy()


def go(slot: Slot, turn: Turn | None) -> None:
    assert turn
    with slot.held():
        slot.go(turn)
        slot.tidy()


def shown(slot: Slot) -> dict[str, str]:
    """Return where each link leads, as a TLS server finds its chain and its key."""
    found = {link: Path(os.path.realpath(slot.chain(link))).parent for link in LINKS}
    assert all((folder / "privkey.pem").exists() for folder in found.values())
    return {link: folder.name for link, folder in found.items()}


def kept(slot: Slot) -> set[str]:
    return {path.parent.name for path in slot.folder.glob("versions/*/privkey.pem")}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_every_link_leads_to_live_until_it_has_one_of_its_own(slot: Slot) -> None:
    stage(slot, FIRST, BACKUP)
    assert shown(slot) == dict.fromkeys(LINKS, FIRST.version)
    assert slot.turn() == Turn(FIRST.version)
    stage(slot, SECOND)
    assert shown(slot) == {**dict.fromkeys(LINKS, FIRST.version), NEXT: SECOND.version}
    go(slot, Turn(FIRST.version, SECOND.version).promoted())
    assert shown(slot) == {**dict.fromkeys(LINKS, SECOND.version), FORMER: FIRST.version}
    assert slot.turn() == Turn(SECOND.version, former=FIRST.version)


def test_a_failover_and_back(slot: Slot) -> None:
    stage(slot, FIRST)
    stage(slot, SECOND, BACKUP)
    before = slot.turn()
    assert before == Turn(FIRST.version, backup=SECOND.version)
    assert not (slot.folder / BACKUP / "succession").exists()  # another CA's certificate succeeds nobody (H5)
    go(slot, before.failed_over())
    assert shown(slot) == {LIVE: SECOND.version, NEXT: SECOND.version, BACKUP: FIRST.version, FORMER: SECOND.version}
    after = slot.turn()
    assert after
    go(slot, after.failed_over())
    assert slot.turn() == before


def test_the_links_turn_in_one_rename(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(slot, FIRST)
    stage(slot, SECOND, BACKUP)
    states, turned = [shown(slot)], Path.replace

    def watched(self: Path, target: Path) -> Path:
        done = turned(self, target)
        states.append(shown(slot))
        return done

    monkeypatch.setattr(Path, "replace", watched)
    go(slot, Turn(FIRST.version, backup=SECOND.version).failed_over())
    assert len(states) == 2
    assert [(state[LIVE], state[BACKUP]) for state in states] == [
        (FIRST.version, SECOND.version),
        (SECOND.version, FIRST.version),
    ]


def test_what_a_run_began_that_was_killed_is_finished_by_the_next(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_: Slot) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Slot, "_link", killed)
        with pytest.raises(KeyboardInterrupt):
            stage(slot, FIRST)
    assert not slot.chain(LIVE).exists()
    with slot.held():
        assert slot.turn() == Turn(FIRST.version)
    assert shown(slot) == dict.fromkeys(LINKS, FIRST.version)


class Killed(BaseException):
    """In the place of SIGKILL: from some change of the file system on, none is made."""


@contextmanager
def killed_at(moment: int) -> Iterator[None]:
    """Let only so many changes happen."""
    left = [moment]

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*words: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*words, **more)

        return change

    with pytest.MonkeyPatch.context() as patched:
        for name in ("replace", "rename", "symlink", "mkdir", "unlink", "rmdir", "fchmod", "chmod"):
            patched.setattr(os, name, guarded(getattr(os, name)))
        yield


def test_whenever_a_run_is_killed_every_link_leads_to_a_pair_and_the_next_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing is seen of it here, and it takes long
    slot = Slot(tmp_path / "before")
    for pair, link in ((FIRST, LIVE), (SECOND, BACKUP), (THIRD, NEXT)):
        stage(slot, pair, link)
    before = Turn(FIRST.version, THIRD.version, SECOND.version)
    assert slot.turn() == before
    for moment in count():
        slot = Slot(tmp_path / str(moment))
        shutil.copytree(tmp_path / "before", slot.folder, symlinks=True)
        try:
            with killed_at(moment):
                stage(slot, FOURTH)  # in the place of the third, which goes
                go(slot, Turn(FIRST.version, FOURTH.version, SECOND.version).promoted())
            break
        except Killed:
            pass
        after = replace(before, next=FOURTH.version)
        with slot.held():
            assert slot.turn() in (before, after, after.promoted())
        assert set(shown(slot).values()) >= {FIRST.version, SECOND.version}  # each with its key
        if slot.turn() != after.promoted():
            stage(slot, FOURTH)
            go(slot, after.promoted())
        assert slot.turn() == after.promoted()
        assert kept(slot) == {FIRST.version, SECOND.version, FOURTH.version}
    assert moment > 30


def test_a_generation_that_was_never_turned_to_is_no_obstacle(slot: Slot) -> None:
    stage(slot, FIRST)
    (slot.folder / "generations" / "2").mkdir()
    (slot.folder / "generations" / "2" / LIVE).symlink_to("nowhere")
    stage(slot, SECOND)
    assert shown(slot)[NEXT] == SECOND.version


def test_a_slot_of_links_to_versions_is_taken_over(slot: Slot) -> None:
    stage(slot, FIRST)
    stage(slot, SECOND, BACKUP)
    for link in LINKS:
        (slot.folder / link).unlink()
    (slot.folder / "now").unlink()
    for link, version in ((LIVE, FIRST.version), (BACKUP, SECOND.version)):
        (slot.folder / link).symlink_to(f"versions/{version}")
    go(slot, slot.turn())
    assert slot.turn() == Turn(FIRST.version, backup=SECOND.version)


def test_one_run_at_a_time(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(slot, FIRST)
    monkeypatch.setattr(slots, "_PATIENCE", 0.0)
    with (
        slot.held(),
        pytest.raises(HostError, match="lock: another process has held it for too long"),
        Slot(slot.folder).held(),
    ):
        pass
    with slot.held():
        pass


def test_a_slot_that_is_not_there_is_not_made_by_holding_it(slot: Slot) -> None:
    with pytest.raises(HostError, match="www: there is no slot"), slot.held():
        pass
    assert not slot.folder.exists()


def test_four_versions_at_most_stay(slot: Slot) -> None:
    stage(slot, FIRST)
    stage(slot, SECOND)
    go(slot, Turn(FIRST.version, SECOND.version).promoted())
    stage(slot, THIRD)
    assert kept(slot) == {FIRST.version, SECOND.version, THIRD.version}
    stage(slot, FOURTH)  # in the place of the third
    assert kept(slot) == {FIRST.version, SECOND.version, FOURTH.version}
    go(slot, Turn(SECOND.version, FOURTH.version, former=FIRST.version).promoted())
    assert kept(slot) == {SECOND.version, FOURTH.version}
    assert {path.name for path in (slot.folder / "versions").iterdir()} == kept(slot)
    assert len(list((slot.folder / "generations").iterdir())) == 2


@pytest.mark.parametrize("mask", [0o077, 0o000])
def test_modes_do_not_come_from_the_umask(slot: Slot, mask: int) -> None:
    with umask(mask):
        stage(slot, FIRST)
        stage(slot, SECOND)
    folders = [
        slot.folder.parent,
        *(path for path in slot.folder.rglob("*") if path.is_dir() and not path.is_symlink()),
    ]
    assert {mode(folder) for folder in folders} == {0o755}
    assert {mode(path) for path in slot.folder.glob("versions/*/privkey.pem")} == {0o600}
    assert {mode(path) for path in slot.folder.glob("versions/*/fullchain.pem")} == {0o644}


def test_a_folder_that_is_there_is_only_closed_to_writers(slot: Slot) -> None:
    slot.folder.mkdir(parents=True)
    slot.folder.chmod(0o770)
    stage(slot, FIRST)
    assert mode(slot.folder) == 0o750


def test_a_key_that_others_could_read_is_closed_when_it_is_staged_again(slot: Slot) -> None:
    stage(slot, FIRST)
    stage(slot, SECOND)
    path = slot.folder / "versions" / SECOND.version / "privkey.pem"
    path.chmod(0o640)
    stage(slot, SECOND)
    assert mode(path) == 0o600


def test_a_succession_goes_live_with_its_certificate(slot: Slot) -> None:
    stage(slot, FIRST)
    stage(slot, SECOND)
    data = (slot.folder / "next.succession").read_bytes()
    statement = parse_succession(data).statement
    assert (statement.old, statement.new) == (hash_of(FIRST.certificate), hash_of(SECOND.certificate))
    assert not (slot.folder / "live.succession").exists()
    go(slot, Turn(FIRST.version, SECOND.version).promoted())
    assert (slot.folder / "live.succession").read_bytes() == data


def test_what_is_live_is_not_staged(slot: Slot) -> None:
    stage(slot, FIRST)
    with pytest.raises(InputError, match="this certificate is live already"):
        stage(slot, FIRST)


def test_a_now_that_is_no_link_is_said(slot: Slot) -> None:
    stage(slot, FIRST)
    (slot.folder / "now").unlink()
    (slot.folder / "now").mkdir()
    with pytest.raises(HostError, match="now: is no link of a slot"):
        stage(slot, SECOND)


def test_a_pair_is_read_once(tmp_path: Path) -> None:
    chain, private = tmp_path / "chain", tmp_path / "key"
    chain.write_bytes(FIRST.chain)
    private.touch(0o600)
    private.write_bytes(SITES[0].key_pem)
    assert read_pair(chain, private).version == FIRST.version
    chain.write_bytes(SECOND.chain)
    with pytest.raises(InputError, match="is not the key of the certificate"):
        read_pair(chain, private)


def test_it_knows_each_version_that_it_leads_to(slot: Slot) -> None:
    slot.make()
    with slot.held():
        assert not slot.leads_to(FIRST.version)
        slot.go(slot.lay(FIRST, NEXT, NOW))
        slot.go(slot.lay(SECOND, NEXT, NOW))
        slot.go(slot.lay(THIRD, BACKUP, NOW))
        known = [slot.leads_to(pair.version) for pair in (FIRST, SECOND, THIRD, FOURTH)]
    assert known == [True, True, True, False]
