"""A VAS put together from its configuration: which part gets which, and nothing else."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy import Connection, Engine

from mecai.evidence import AddressPolicy, Collector, Fetch, Fetcher, by_ocsp
from mecai.net.dns_lookup import from_dns
from mecai.net.resolve import from_system
from mecai.net.revocations import Guarded, Revocations
from mecai.probing.corroborate import Probe
from mecai.probing.handshake import probe
from mecai.probing.lookups import Look, look
from mecai.probing.patience import Patience
from mecai.protocol.limits import LIMITS
from mecai.service.database import clock_of, time_of
from mecai.service.readiness import Readiness
from mecai.vas.admission.admit import Admission
from mecai.vas.admission.quotas import Quotas
from mecai.vas.config import PerspectiveSettings, VasConfig
from mecai.vas.hold.expedite import Expedites
from mecai.vas.hold.objection import Objections
from mecai.vas.hold.renewal import Predecessors
from mecai.vas.hold.wait import Hold
from mecai.vas.issuance.fitness import Fitness
from mecai.vas.issuance.issue import Notary
from mecai.vas.issuance.lookout import Asked, Lookout, guarded, make_agents, views
from mecai.vas.issuance.own_status import OwnStatus
from mecai.vas.issuance.signer import VoucherSigner, configured_signer
from mecai.vas.issuance.targets import Targets
from mecai.vas.measures import count_agents, count_evidence
from mecai.vas.reports.authorship import Authorship
from mecai.vas.reports.intake import Intake
from mecai.vas.storage.addresses import AddressLog
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.complaints import ComplaintLog
from mecai.vas.storage.database import disk_of, open_database, require_ready
from mecai.vas.storage.distrust import DistrustLog
from mecai.vas.storage.expedites import ExpediteLog
from mecai.vas.storage.incidents import IncidentLog
from mecai.vas.storage.known import KnownRequests
from mecai.vas.storage.mails import AGAIN
from mecai.vas.storage.outbox import Outbox
from mecai.vas.storage.quotas import QuotaLog
from mecai.vas.storage.reports import FORWARD, ReportLog
from mecai.vas.storage.unnotified import UnnotifiedLog
from mecai.vas.storage.vouchers import VoucherLog
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
    fitness: Fitness
    own_status: OwnStatus
    admission: Admission
    objections: Objections
    expedites: Expedites | None
    intake: Intake
    reports: ReportLog
    unnotified: UnnotifiedLog

    def readiness(self) -> Readiness:
        """Return what tells whether the server could vouch now (docs/spec R8), and for which contexts it could not."""

        def concern(context: str) -> Callable[[], None]:
            return lambda: self.directories.require(context, self.clock())

        def lasts(lists: Path) -> Callable[[], None]:
            return lambda: Revocations.read(lists).require_lasting(datetime.now(UTC))  # OpenSSL's clock, and nginx's

        return Readiness(
            {
                "database": lambda: require_ready(self.engine),
                "clock": lambda: self.fitness.require_clock(self.clock()),
                "disk": disk_of(self.engine),
                "signer": lambda: self.signer.require_ready(self.clock()),
                "agents": self.fitness.require_agents,
                "directory": lambda: self.directories.in_force(self.clock()),
                "own-status": lambda: self.own_status.current(self.clock()),
            },
            concerns={
                "certificate": lambda: self.fitness.require_lasting(self.clock()),
                **{who: lasts(lists) for who, lists in self.config.lists.items()},
                "outbox": lambda: Outbox(self.engine).require_done(self.clock(), patient={FORWARD, AGAIN}),
                **{f"context {each.context}": concern(each.context) for each in self.config.directories},
            },
        )


def assemble(
    config: VasConfig,
    clock: Callable[[], datetime],
    *,
    probe: Probe = probe,
    fetch: Fetch | None = None,
    look: Look = look,
    database_time: Callable[[Connection], datetime] = clock_of,
    agents: Sequence[Asked] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Assembly:
    """Put a server together; raises `HostError` or `InputError` for what the configuration names.

    `probe`, `fetch`, `look` (into the DNS), `database_time` and `agents` are its ways to other hosts; without `fetch`
    evidence is fetched as docs/spec P7 says, without `agents` those of the configuration are asked.
    """
    signer = configured_signer(config)
    engine = open_database(config.database)
    directories = Directories(config.directories, engine)
    addresses = AddressPolicy(config.allowed_networks, config.refused_networks)
    # The VA's own responder may stand in the refused networks, beside it, and in /etc/hosts: no stranger named it.
    own_fetch = fetch or Fetcher(AddressPolicy(config.allowed_networks), from_system)
    own_status = OwnStatus(signer.certificate, signer.root, own_fetch)
    fetch = fetch or Fetcher(addresses, from_dns)
    quotas = Quotas(config.bounds, QuotaLog(engine, database_time).add, monotonic)
    trust = Trust(directories, signer.authority, config.distrusted_keys, DistrustLog(engine).refuses)
    collect = Collector(fetch, count=count_evidence).collect
    certificates = CertificateLog(engine)
    expedites = _expedites(config, signer, trust, engine, fetch)
    predecessors = Predecessors(config.hold, certificates, trust, collect)
    settings = config.perspectives
    tls = guarded(settings) if settings and agents is None else None
    fitness = Fitness(signer, lambda: time_of(engine, database_time), tls.context if tls else lambda: None)
    notary = Notary(
        targets=Targets(frozenset(config.ports), addresses),
        trust=trust,
        collect=collect,
        fitness=fitness,
        own_status=own_status,
        lookout=_lookout(config.perspectives, probe, agents, tls),
        charges=quotas,
        known=KnownRequests(engine),
        certificates=certificates,
        addresses=AddressLog(engine) if config.mail and config.mail.new_addresses else None,
        hold=Hold(predecessors, expedites),
        vouchers=VoucherLog(engine, timedelta(days=config.voucher_log_days)),
        signer=signer,
        lifetime=config.lifetime,
        reuse=config.reuse,
        clock=clock,
    )
    admission = Admission(notary, quotas, config.parallel_requests, monotonic)
    lookout = notary.lookout
    dns = views(lookout.region, look, lookout.agents, Patience(count=count_agents("dns")))
    authorship = Authorship(signer.authority, trust)
    reports = ReportLog(engine)
    # What is reported is not contacted: a public server may stand in the networks that the operator refuses to probe.
    public = AddressPolicy(config.allowed_networks)
    intake = Intake(directories, authorship, reports, IncidentLog(engine), quotas.take_report, public)
    return Assembly(
        config=config,
        clock=clock,
        engine=engine,
        directories=directories,
        signer=signer,
        fitness=fitness,
        own_status=own_status,
        admission=admission,
        objections=Objections(certificates, ComplaintLog(engine), dns),
        expedites=expedites,
        intake=intake,
        reports=reports,
        unnotified=UnnotifiedLog(engine),
    )


def _lookout(
    settings: PerspectiveSettings | None, probe: Probe, agents: Sequence[Asked] | None, tls: Guarded | None
) -> Lookout:
    if settings is None:
        return Lookout("", probe)
    asked = make_agents(settings, tls) if tls else agents or ()
    return Lookout(settings.region, probe, asked, Patience(count=count_agents("probe")))


def _expedites(
    config: VasConfig, signer: VoucherSigner, trust: Trust, engine: Engine, fetch: Fetch
) -> Expedites | None:
    """Return the exception of H8 where the operator wants it."""
    if not config.expedite:
        return None

    def require_good(certificate: x509.Certificate, root: x509.Certificate, now: datetime) -> None:
        by_ocsp(certificate, root, now, fetch, LIMITS.authority_status_lifetime)

    return Expedites(signer.authority, trust, ExpediteLog(engine), require_good)
