"""A VAS put together from its configuration: which part gets which, and nothing else."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from mecai.evidence import AddressPolicy, Collector, Fetch, Fetcher
from mecai.net.dns_lookup import from_dns
from mecai.net.resolve import from_system
from mecai.probing.corroborate import Probe
from mecai.probing.handshake import probe
from mecai.service.readiness import Readiness
from mecai.vas.admission.admit import Admission
from mecai.vas.admission.quotas import Quotas
from mecai.vas.config import VasConfig
from mecai.vas.issuance.issue import Notary
from mecai.vas.issuance.own_status import OwnStatus
from mecai.vas.issuance.signer import VoucherSigner, load_signer
from mecai.vas.issuance.targets import Targets
from mecai.vas.storage.database import open_database, require_ready, require_room
from mecai.vas.storage.logs import Log
from mecai.vas.trust.contexts import Trust
from mecai.vas.trust.directories import Directories


@dataclass(frozen=True)
class Assembly:
    """The parts that the HTTP interface speaks with."""

    config: VasConfig
    clock: Callable[[], datetime]
    engine: Engine
    directories: Directories
    signer: VoucherSigner
    own_status: OwnStatus
    admission: Admission

    def readiness(self) -> Readiness:
        """Return what tells whether the server could vouch now (docs/spec R8)."""
        return Readiness(
            {
                "database": lambda: require_ready(self.engine),
                "disk": lambda: require_room(self.engine),
                "signer": lambda: self.signer.require_valid(self.clock()),
                "directory": lambda: self.directories.in_force(self.clock()),
                "own-status": lambda: self.own_status.current(self.clock()),
            }
        )


def assemble(
    config: VasConfig,
    clock: Callable[[], datetime],
    *,
    probe: Probe = probe,
    fetch: Fetch | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Assembly:
    """Put a server together; raises `HostError` or `InputError` for what the configuration names.

    `probe` and `fetch` are its two ways to other hosts; without `fetch` evidence is fetched as docs/spec P7 says.
    """
    signer = load_signer(config.key, config.certificate, config.root)
    engine = open_database(config.database)
    directories = Directories(config.directories, engine)
    addresses = AddressPolicy(config.allowed_networks, config.refused_networks)
    # The VA's own responder may stand in the refused networks, beside it, and in /etc/hosts: no stranger named it.
    own_fetch = fetch or Fetcher(AddressPolicy(config.allowed_networks), from_system)
    own_status = OwnStatus(signer.certificate, signer.root, own_fetch)
    fetch = fetch or Fetcher(addresses, from_dns)
    quotas = Quotas(config.bounds, monotonic)
    notary = Notary(
        targets=Targets(frozenset(config.ports), addresses),
        trust=Trust(directories, signer.authority, config.distrusted_keys),
        collect=Collector(fetch).collect,
        own_status=own_status,
        probe=probe,
        charge=quotas.take_voucher,
        log=Log(engine, timedelta(days=config.voucher_log_days)),
        signer=signer,
        lifetime=config.lifetime,
        hold=config.hold,
        clock=clock,
    )
    admission = Admission(notary, quotas, config.parallel_requests, monotonic)
    return Assembly(config, clock, engine, directories, signer, own_status, admission)
