"""A sidecar whose VASes, responders and clock are played: what each VAS answers, the test says."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

from mecai.protocol.objects.authorities import Directory, Server
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets, authority_id, certificate_hash, spki_der
from mecai.sidecar.config import CertificateEntry, SidecarConfig
from mecai.sidecar.kinds import ocsp_staple, voucher
from mecai.sidecar.kinds.kind import StapleKind
from mecai.sidecar.kinds.ocsp_staple import OcspKind
from mecai.sidecar.kinds.voucher import VoucherKind
from mecai.sidecar.refresh import Environment, Refresher
from mecai.sidecar.report import report
from mecai.sidecar.standing import StapleStatus
from mecai.sidecar.store import StapleStore
from mecai.vrp.answers import Held
from tests.directories import PUBLISHER, signed
from tests.pki import NOW, Hierarchy, Issued
from tests.responders import Responders
from tests.scene import ADDRESS, Scene

SECOND = address_octets("2001:db8::10")
Answer = bytes | Held | Exception


@dataclass
class Side:
    """The sidecar of `scene.site`, and everything around it."""

    config: SidecarConfig
    scene: Scene
    responders: Responders
    now: datetime = NOW
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requests: dict[str, VoucherRequest] = field(default_factory=dict)  # the last to each
    refresher: Refresher | None = None

    def ask(self, server: Server, request: bytes) -> bytes | Held:
        """Answer for a VAS."""
        self.requests[server.url] = VoucherRequest.decode(request)
        self.asked.append(server.url)
        answer = self.answers[server.url]
        answer = answer() if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer(self, va: Hierarchy, answer: Answer | Callable[[], Answer]) -> None:
        """Settle what the VAS of `va` answers."""
        self.answers[f"https://vas.{va.name}.test"] = answer

    @property
    def environment(self) -> Environment:
        """Everything outside the sidecar."""
        jitter = random.Random(1)  # noqa: S311 - no secret
        return Environment(lambda: self.now, jitter, self.kinds)

    def kinds(self, _: SidecarConfig) -> tuple[StapleKind, ...]:
        """Staples of the played responders, vouchers of the played VASes."""
        return (OcspKind(self.responders), VoucherKind(self.ask))

    def run(self, *, everything: bool = False, go_on: Callable[[], bool] = lambda: True) -> datetime | None:
        """Run one round of one service, as long as it is configured alike; forget before who was asked."""
        self.asked.clear()
        if self.refresher is None or self.refresher.config != self.config:
            self.refresher = Refresher(self.config, self.environment)
        return self.refresher.run(everything=everything, go_on=go_on)

    def report(self) -> dict[str, StapleStatus]:
        """Report, by name."""
        return {row.name: row for row in report(self.config, self.kinds(self.config), self.now)}

    def publish(self, content: Directory) -> None:
        """Replace the directory."""
        self.config.directory.write_bytes(signed(content))

    def show(self, site: Issued) -> None:
        """Let the server show another certificate."""
        self.config.certificates[0].chain.write_bytes(site.chain_pem)

    def addresses(self, *addresses: str) -> None:
        """Let the server have other addresses."""
        entry = replace(self.config.certificates[0], addresses=addresses)
        self.config = replace(self.config, certificates=(entry,))

    def path(self, va: Hierarchy | None, site: Issued | None = None) -> Path:
        """Return where the voucher of `va` is kept, or the staple."""
        certificate = certificate_hash((site or self.scene.site).der)
        if va is None:
            key = ocsp_staple.key_of(certificate)
        else:
            key = voucher.key_of(certificate, authority_id(spki_der(va.root.certificate)))
        return StapleStore(self.config.staples).path(key)

    def written(self, va: Hierarchy | None) -> bytes | None:
        """Return what is there."""
        path = self.path(va)
        return path.read_bytes() if path.exists() else None


def make_side(folder: Path) -> Side:
    """Make a sidecar all of whose VASes vouch for both addresses; nothing is written yet."""
    scene = Scene()
    chain, publishers = folder / "www.pem", folder / "publishers.pem"
    publishers.write_bytes(PUBLISHER.pem)
    entry = CertificateEntry(chain, ("198.18.0.10", "2001:db8::10"))
    networks = (ip_network("198.18.0.0/15"), ip_network("2001:db8::/32"))
    config = SidecarConfig((entry,), folder / "directory.der", publishers, folder / "state", allowed_networks=networks)
    config.state.mkdir()
    responders = Responders(scene.alder)
    responders.know(scene.alder, scene.site)
    side = Side(config, scene, responders)
    side.publish(scene.directory)
    side.show(scene.site)
    for va in (scene.birch, scene.cedar, scene.dogwood):
        side.answer(va, scene.voucher(va, addresses=(ADDRESS, SECOND)))
    return side


@pytest.fixture
def side(tmp_path: Path) -> Side:
    """Give a sidecar in a folder of the test's own."""
    return make_side(tmp_path)
