"""What a client keeps: its key, and how new the newest directory was."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.state import load_directory, selection_key
from mecai.errors import HostError, InputError, VerificationError
from tests.pki import DAY
from tests.unit.client.world import World

world = World()


@pytest.fixture
def policy(tmp_path: Path) -> ClientPolicy:
    return read_policy(world.write_config(tmp_path))


def publish(policy: ClientPolicy, signed: bytes) -> None:
    policy.directory.write_bytes(signed)


def test_the_key_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "selection.key"
    key = selection_key(path)
    assert len(key) == 32
    assert selection_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_programs_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        keys.append(selection_key(tmp_path / "selection.key"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "selection.key"
    selection_key(path)
    path.chmod(0o644)
    with pytest.raises(HostError, match="chmod 600"):
        selection_key(path)


def test_a_key_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "selection.key"
    path.touch(mode=0o600)
    with pytest.raises(InputError, match="has 32 octets, not 0"):
        selection_key(path)


def test_a_directory_is_read_and_its_sequence_recorded(policy: ClientPolicy) -> None:
    assert load_directory(policy, world.now).sequence == 1
    assert [path.name for path in policy.state_folder.iterdir() if path.suffix == ".json"] == ["directory.json"]
    assert load_directory(policy, world.now).sequence == 1


def test_an_older_directory_is_refused_for_ever(policy: ClientPolicy) -> None:
    publish(policy, world.signed_directory(sequence=5))
    load_directory(policy, world.now)
    publish(policy, world.signed_directory(sequence=4))
    for _ in range(2):
        with pytest.raises(VerificationError) as caught:
            load_directory(policy, world.now)
        assert caught.value.reason == "directory-rollback"


def test_two_directories_of_one_sequence_are_refused(policy: ClientPolicy) -> None:
    load_directory(policy, world.now)
    publish(policy, world.signed_directory(expires=world.now + DAY))
    with pytest.raises(VerificationError) as caught:
        load_directory(policy, world.now)
    assert caught.value.reason == "directory-equivocation"


def test_a_directory_of_another_publisher_is_refused(policy: ClientPolicy) -> None:
    policy.publishers.write_bytes(world.site.pem)
    with pytest.raises(VerificationError) as caught:
        load_directory(policy, world.now)
    assert caught.value.reason == "directory-untrusted"
    assert not (policy.state_folder / "directory.json").exists()


def test_an_expired_directory_is_refused_unless_the_client_only_warns(tmp_path: Path) -> None:
    late = world.now + 8 * DAY
    with pytest.raises(VerificationError) as caught:
        load_directory(read_policy(world.write_config(tmp_path)), late)
    assert caught.value.reason == "directory-expired"
    warning = read_policy(world.write_config(tmp_path, mode="warn"))
    assert late - load_directory(warning, late).expires > timedelta(0)


@pytest.mark.parametrize("mode", ["warn", "enforce"])
def test_a_directory_from_the_future_is_not_recorded_by_a_client_that_only_warns_either(
    mode: str, tmp_path: Path
) -> None:
    policy = read_policy(world.write_config(tmp_path, mode=mode))
    with pytest.raises(VerificationError) as caught:
        load_directory(policy, world.now - DAY)
    assert caught.value.reason == "directory-not-yet-valid"
    assert not (policy.state_folder / "directory.json").exists()


def test_a_damaged_record_is_never_overlooked(policy: ClientPolicy) -> None:
    load_directory(policy, world.now)
    (policy.state_folder / "directory.json").write_text("{")
    with pytest.raises(HostError, match="no record of an accepted directory"):
        load_directory(policy, world.now)


def test_a_missing_directory_is_named(policy: ClientPolicy) -> None:
    policy.directory.unlink()
    with pytest.raises(HostError, match=r"directory\.der: cannot be read"):
        load_directory(policy, world.now)


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    policy = read_policy(world.write_config(tmp_path, state=f"{tmp_path}/client.toml/state"))
    with pytest.raises(HostError, match="state: cannot be written"):
        load_directory(policy, world.now)
