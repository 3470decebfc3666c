"""The VA's key is changed while its server runs: no request fails, and what the former key signed stays good."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.protocol.verify.connection import Policy, Presented, verify_voucher
from mecai.service.pem import load_certificates
from tests.integration.test_vas import ADDRESS
from tests.integration.vouching import BIN, World, run, running
from tests.patience import SECONDS


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("world"), vouchers=1000) as world:
        yield world


def rollover(world: World, *words: str | Path, code: int = 0) -> str:
    verb, *options = words
    config = world.birch.home / "vas.toml"
    return run(BIN / "mecai", "vas", "rollover", verb, "--config", config, *options, code=code)


def accepted(world: World, der: bytes) -> x509.Certificate:
    """Judge a voucher as a client does; return the certificate of the VA that signed it."""
    policy = Policy((authority_id(spki_der(load_certificates(world.birch.root)[0])),), contexts=("MOZ",))
    verify_voucher(der, Presented(world.chain, ADDRESS), world.directory, policy, datetime.now(UTC))
    return parse_voucher(der).authority_certificate


def require_change_when_told(world: World, former: x509.Certificate, new: x509.Certificate) -> None:
    """Have the server told by SIGHUP of the new certificate, before which it signs under the former one."""
    answers = [world.ask()]
    assert accepted(world, answers[0][1]) == former
    assert world.vas is not None
    world.vas.send_signal(signal.SIGHUP)
    end = time.monotonic() + SECONDS
    while accepted(world, answers[-1][1]) == former:
        assert time.monotonic() < end
        answers.append(world.ask())
    assert {status for status, _ in answers} == {200}
    assert accepted(world, answers[-1][1]) == new


def test_another_key_and_the_vouchers_of_the_former_one(world: World) -> None:
    home = world.birch.home
    former_key, former = (home / "va.key.pem").read_bytes(), load_certificates(home / "va.pem")[0]
    status, before = world.ask()
    assert (status, accepted(world, before)) == (200, former)

    assert "va.key.next.pem" in rollover(world, "begin")
    rollover(world, "begin", code=2)  # the next key is never overwritten
    rollover(world, "finish", "--certificate", home / "va.pem", code=3)  # certifies the present key
    assert ((home / "va.key.pem").read_bytes(), world.ask()[0]) == (former_key, 200)

    world.birch.mecai("issue", "--profile", "va", "--csr", home / "va.key.next.csr", "--out", home / "new.pem")
    said = rollover(world, "finish", "--certificate", home / "new.pem")
    new = load_certificates(home / "new.pem")[0]
    assert f"vouchers under certificate {former.serial_number:x} live until" in said
    assert load_certificates(home / "va.pem") == (new,)
    assert (home / "va.key.pem").stat().st_mode & 0o777 == 0o600
    assert not list(home.glob("*.next.*"))
    rollover(world, "finish", "--certificate", home / "new.pem", code=2)  # once is enough

    require_change_when_told(world, former, new)
    assert accepted(world, before) == former
