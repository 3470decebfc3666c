"""The sidecar as an operator runs it, beside a real TLS server, with a real VAS and one that lies."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from mecai.protocol.objects.entries import encode_authority
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher import parse_voucher, sign_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.identity import authority_id, certificate_hash, spki_der
from mecai.sidecar import daemon
from tests.integration.played_vas import NOW, Vas, answering
from tests.integration.vouching import BIN, PORT, SERVER, World, run, running
from tests.patience import SECONDS
from tests.pki import HOUR, Hierarchy
from tests.scene import authority_entry

CEDAR = Hierarchy("cedar", NOW)
VOUCHER = "application/mecai-voucher"


@dataclass
class Side:
    """A sidecar with a state of its own."""

    world: World
    cedar: Vas
    home: Path

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.home / "sidecar.toml"

    @property
    def folder(self) -> Path:
        """Where its vouchers are."""
        return self.home / "state" / "staples" / certificate_hash(self.world.chain[0]).hex()

    def path(self, name: str) -> Path:
        """Return where the voucher of birch or cedar is, or the staple."""
        root = {"cedar": CEDAR.root.pem, "birch": self.world.birch.root.read_bytes()}.get(name)
        if root is None:
            return self.folder / "ocsp.der"
        return self.folder / f"{authority_of(root).hex()}.voucher"

    def mecai(self, verb: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """Run a verb of `mecai sidecar`; return what it says of each voucher and the staple."""
        said = json.loads(run(BIN / "mecai", "sidecar", verb, "--config", self.config, "--format", "json", code=code))
        assert said["healthy"] == (code == 0)
        return {item["name"]: item for item in said["items"]}


def authority_of(root_pem: bytes) -> bytes:
    return authority_id(spki_der(x509.load_pem_x509_certificate(root_pem)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def side(world: World, tmp_path: Path) -> Iterator[Side]:
    cedar = Vas(tmp_path)
    entry = encode_authority(replace(authority_entry(CEDAR), servers=(cedar.server(),)))
    world.others = [entry]
    world.publish()
    side = Side(world, cedar, tmp_path)
    side.config.write_text(f"""
        directory = "{world.directory_path}"
        publishers = "{world.publishers_path}"
        state = "{tmp_path}/state"
        allowed_networks = ["127.0.0.0/8"]
        [[certificate]]
        chain = "{world.chain_pem}"
        addresses = ["{SERVER}"]
    """)
    cedar.handle = answering(200, VOUCHER, vouch(world))
    yield side
    cedar.close()


def vouch(world: World, **changes: Any) -> bytes:
    """Let cedar vouch for the TLS server; that it has read a CRL, a client believes."""
    hashes = tuple(map(certificate_hash, world.chain))
    span = (NOW - HOUR, NOW + 24 * HOUR)
    usual: dict[str, Any] = {
        "authority": authority_of(CEDAR.root.pem),
        "serial_number": 1,
        "certificate_hash": hashes[0],
        "intermediate_hashes": hashes[1:],
        "addresses": (socket.inet_aton(SERVER),),
        "probed_port": PORT,
        "this_update": NOW,
        "next_update": NOW + 23 * HOUR,
        "trust_contexts": ("MOZ",),
        "intermediates_matched": True,
        "perspectives": 1,
        "status_evidence": tuple(StatusEvidence(each, EvidenceMethod.CRL, *span, bytes(32)) for each in hashes),
    }
    info = VoucherInfo(**{**usual, **changes})
    return sign_voucher(info, CEDAR.voucher.key, CEDAR.voucher.certificate, [CEDAR.ocsp(CEDAR.voucher)])


def test_vouchers_and_staple_are_written_and_good(side: Side) -> None:
    items = side.mecai("refresh")
    assert {name: item["state"] for name, item in items.items()} == dict.fromkeys(
        ("OCSP staple", "birch", "cedar"), "good"
    )
    assert {path.name for path in side.folder.iterdir()} == {side.path(name).name for name in items}
    assert [side.mecai("status")[name]["nextUpdate"] for name in items] == [
        each["nextUpdate"] for each in items.values()
    ]
    witness = ("cms", "-verify", "-inform", "DER", "-in", side.path("birch"), "-purpose", "any", "-out", os.devnull)
    run("openssl", *witness, "-CAfile", side.world.birch.root)
    public = side.world.alder.home / "public"
    issuer = ("-issuer", public / "issuing.pem", "-cert", side.world.chain_pem)
    said = run("openssl", "ocsp", "-respin", side.path("OCSP staple"), *issuer, "-CAfile", public / "root.pem",
               "-verify_other", public / "issuing.pem")  # fmt: skip
    assert f"{side.world.chain_pem}: good" in said
    assert not (side.folder.parent / side.world.alder.name).exists()


LIES: dict[str, Callable[[Side], bytes]] = {
    "damaged": lambda side: vouch(side.world)[:-1] + b"\0",
    "expired": lambda side: vouch(side.world, this_update=NOW - 2 * HOUR, next_update=NOW - HOUR),
    "of birch": lambda side: side.world.ask()[1],
    "for another server": lambda side: vouch(
        side.world,
        certificate_hash=bytes(32),
        intermediate_hashes=(),
        status_evidence=(StatusEvidence(bytes(32), EvidenceMethod.CRL, NOW, NOW + HOUR, bytes(32)),),
    ),
    "for another address": lambda side: vouch(side.world, addresses=(bytes(4),)),
    "a page": lambda _: b"<html>",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_is_never_written_and_never_replaces_the_truth(side: Side, lie: Callable[[Side], bytes]) -> None:
    lied = lie(side)
    truth = vouch(side.world)
    side.cedar.handle = answering(200, VOUCHER, lied)
    item = side.mecai("refresh", code=1)["cedar"]
    assert (item["state"], side.path("cedar").exists(), side.path("birch").exists()) == ("missing", False, True)
    assert item["detail"]
    side.cedar.handle = answering(200, VOUCHER, truth)
    side.mecai("refresh")
    side.cedar.handle = answering(200, VOUCHER, lied)
    assert side.mecai("refresh")["cedar"]["detail"]
    assert side.path("cedar").read_bytes() == truth


def test_a_damaged_file_is_seen_and_mended(side: Side) -> None:
    side.mecai("refresh")
    side.path("birch").write_bytes(side.path("cedar").read_bytes())
    assert side.mecai("status", code=1)["birch"]["state"] == "bad"
    assert side.mecai("refresh")["birch"]["state"] == "good"
    assert parse_voucher(side.path("birch").read_bytes()).info.authority != authority_of(CEDAR.root.pem)


def test_the_table_for_people(side: Side) -> None:
    side.mecai("refresh")
    said = run(BIN / "mecai", "sidecar", "status", "--config", side.config)
    assert [line.split()[1] for line in said.splitlines()[1:]] == ["OCSP", "birch", "cedar"]


def test_the_service(side: Side) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(side.home / "notify"))
        systemd.settimeout(SECONDS)
        command = [str(BIN / "mecai"), "sidecar", "run", "--config", str(side.config)]
        environment = os.environ | {"NOTIFY_SOCKET": str(side.home / "notify"), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as service:
            assert service.stdout is not None
            try:
                assert [systemd.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
                for again in (True, False):
                    written = [json.loads(service.stdout.readline()) for _ in range(3)]
                    assert {line["from"] for line in written if line["message"] == "written"} == {
                        "OCSP staple",
                        "birch",
                        "cedar",
                    }
                    if again:
                        service.send_signal(signal.SIGHUP)
            finally:
                service.terminate()
        assert service.returncode == -signal.SIGTERM
    assert side.path("birch").exists()


def test_a_chain_is_noticed_at_once(side: Side) -> None:
    """Long before the next round would come by itself."""
    chain = side.home / "tls" / "www.pem"
    chain.parent.mkdir()
    side.config.write_text(side.config.read_text().replace(str(side.world.chain_pem), str(chain)))
    command = [str(BIN / "mecai"), "sidecar", "run", "--config", str(side.config)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as service:
        try:
            assert service.stdout is not None
            assert "cannot be served" in json.loads(service.stdout.readline())["message"]
            began = time.monotonic()
            shutil.copy(side.world.chain_pem, chain)
            assert [json.loads(service.stdout.readline())["message"] for _ in range(3)] == ["written"] * 3
            assert time.monotonic() - began < daemon.LONGEST_SLEEP.total_seconds() / 2
        finally:
            service.terminate()


def test_no_directory_is_one_clear_line(side: Side) -> None:
    side.config.write_text(side.config.read_text().replace(str(side.world.directory_path), "/none/directory.der"))
    done = subprocess.run(
        [BIN / "mecai", "sidecar", "refresh", "--config", side.config], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        3,
        "mecai: /none/directory.der: cannot be read (No such file or directory)\n",
    )
