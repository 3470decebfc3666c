"""The demonstration's sidecar: `mecai sidecar run`, which asks the OCSP responder at a port that a user may open.

python -m mecai.cli.demonstration.stapler SETTINGS
"""

import random
import sys
import threading
from collections.abc import Collection
from pathlib import Path

from mecai.cli.arguments import now
from mecai.net.addresses import AddressPolicy
from mecai.net.fetch import EVERY_PORT, Fetcher
from mecai.net.resolve import from_system
from mecai.service.logs import log_json
from mecai.sidecar import daemon
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.kinds.kind import StapleKind
from mecai.sidecar.kinds.ocsp_staple import OcspKind
from mecai.sidecar.kinds.voucher import VoucherKind
from mecai.sidecar.refresh import Environment
from mecai.vrp.ask import ask


def main() -> None:
    """Keep everything fresh, for ever."""
    log_json()
    daemon.run(Path(sys.argv[1]), Environment(now, random.SystemRandom(), _kinds), _Unhurried())


class _Unhurried(daemon.Wait):
    """Wakes for nobody: what is served in the demonstration does not change."""

    def __call__(self, seconds: float) -> bool:
        return threading.Event().wait(seconds)

    def wanted(self) -> bool:
        return False

    def watch(self, folders: Collection[Path]) -> None:
        del folders


def _kinds(config: SidecarConfig) -> tuple[StapleKind, ...]:
    fetch = Fetcher(AddressPolicy(config.allowed_networks), from_system, ports=EVERY_PORT)
    return OcspKind(fetch), VoucherKind(ask)


if __name__ == "__main__":
    main()
