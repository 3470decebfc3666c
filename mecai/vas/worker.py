"""What does the outbox's work, put together from its configuration: beside the servers, one for all or several.

Runners of several sorts, each of its own kinds of message: some find the owners of domains, others look again for those
whose registries or name servers were silent; one mails; one tells other VAs. So no mail that is ready waits for a
look-up or for another VA, however slow they are or mean to be, and no look-up for those that were silent before.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Engine

from mecai.errors import InputError
from mecai.net.web import Roots, get
from mecai.probing.lookups import look
from mecai.probing.views import Views
from mecai.protocol.pki.mail_addresses import mail_address
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates, load_key
from mecai.vas.config import MailSettings, VasConfig
from mecai.vas.issuance.lookout import guarded, make_agents, views
from mecai.vas.jobs.runner import GivenUp, Handler, Runner
from mecai.vas.notify.caa import contacts_everywhere
from mecai.vas.notify.contacts import Contacts, Source
from mecai.vas.notify.deliver import Delivery, Send
from mecai.vas.notify.elsewhere import Elsewhere
from mecai.vas.notify.first_sight import FirstSight, Owner
from mecai.vas.notify.letter import Signer
from mecai.vas.notify.objection import ObjectionNews
from mecai.vas.notify.rdap import Registries, contacts_by_rdap
from mecai.vas.notify.relay import Relay
from mecai.vas.reports.authorship import load_report_signer
from mecai.vas.reports.spread import Spread, kept_to_oneself
from mecai.vas.storage.addresses import ELSEWHERE, AddressLog
from mecai.vas.storage.certificates import FIRST_SIGHT, CertificateLog
from mecai.vas.storage.complaints import COMPLAINT
from mecai.vas.storage.digests import DIGEST
from mecai.vas.storage.mails import AGAIN, ELSEWHERE_MAIL, MAIL, OWNER, TO_CA, Mails
from mecai.vas.storage.outbox import Message, Outbox
from mecai.vas.storage.reports import FORWARD, INCIDENT, REPORT, ReportLog
from mecai.vas.storage.unnotified import UnnotifiedLog
from mecai.vas.trust.directories import Directories
from mecai.vrp.tell import Tell, tell

FINDERS: Final = 8  # threads that look for owners, 69,000 a day if all are silent, and as many that look again
REMEMBERED: Final = timedelta(days=400)  # how long a contact that was told stays one (docs/spec H3)


def make_runners(config: VasConfig, engine: Engine, clock: Callable[[], datetime]) -> tuple[Runner, ...]:
    """Put all together, in the order of the work; raises `HostError`, `InputError` for what the configuration names."""
    return (*apart(make_notifier(config, engine, clock)), make_spreader(config, engine, clock))


def apart(notifier: Runner) -> tuple[Runner, ...]:
    """Return what does a notifier's work in so many threads, of which those that look up keep no other waiting."""
    mailing = notifier.handlers.keys() - {FIRST_SIGHT, OWNER, AGAIN}
    finders = FINDERS * (notifier.only({OWNER}), notifier.only({AGAIN}))
    return (notifier.only({FIRST_SIGHT}), *finders, notifier.only(mailing))


def make_notifier(
    config: VasConfig,
    engine: Engine,
    clock: Callable[[], datetime],
    sources: tuple[Source, ...] | None = None,
    send: Send | None = None,
) -> Runner:
    """Put together what tells the owners of domains; `sources` and `send` are its ways to registries, DNS, relay."""
    return Runner(Outbox(engine), _notifying(config, engine, clock, sources, send), clock)


def make_spreader(
    config: VasConfig,
    engine: Engine,
    clock: Callable[[], datetime],
    tell: Tell = tell,
    monotonic: Callable[[], float] = time.monotonic,
) -> Runner:
    """Put together what tells other VAs, by `tell`, and drops old reports; `monotonic` counts seconds."""
    return Runner(Outbox(engine), _passing_on(config, engine, tell, monotonic), clock, ReportLog(engine).sweep)


def _notifying(
    config: VasConfig,
    engine: Engine,
    clock: Callable[[], datetime],
    sources: tuple[Source, ...] | None,
    send: Send | None,
) -> Mapping[str, Handler]:
    if config.mail is None:
        return dict.fromkeys((FIRST_SIGHT, OWNER, AGAIN, ELSEWHERE, COMPLAINT), _nobody)
    log, mails = CertificateLog(engine), Mails(engine)
    signer = _signer(config.mail)
    roots = load_certificates(config.mail.roots) if config.mail.roots else None
    relay = Relay(config.mail.relay, config.mail.port, config.mail.starttls, roots)

    def remembered(domain: str, _deadline: object) -> tuple[str, ...]:
        return mails.known_contacts(domain, clock() - REMEMBERED)

    contacts = Contacts((remembered, *(sources or _sources(config.mail, roots, _views(config)))))
    told_before = Contacts((remembered,))
    owner = Owner(log, contacts, mails, UnnotifiedLog(engine), config.hold)
    delivery = Delivery(log, mails, signer, send or relay.send, signer.sender)
    return {
        FIRST_SIGHT: FirstSight(log, told_before, mails, config.hold),
        OWNER: owner,
        AGAIN: owner,
        ELSEWHERE: Elsewhere(log, told_before, mails, AddressLog(engine)),
        MAIL: delivery.mail,
        ELSEWHERE_MAIL: delivery.elsewhere,
        DIGEST: delivery.digest,
        COMPLAINT: ObjectionNews(log, Directories(config.directories, engine), mails, config.hold),
        TO_CA: delivery.objection,
    }


def _passing_on(config: VasConfig, engine: Engine, tell: Tell, monotonic: Callable[[], float]) -> Mapping[str, Handler]:
    if (signer := load_report_signer(config)) is None:
        return dict.fromkeys((REPORT, INCIDENT, FORWARD), kept_to_oneself)
    return Spread(engine, Directories(config.directories, engine), signer, tell, monotonic).handlers()


def _nobody(_message: Message, _now: datetime) -> str:
    raise GivenUp("unnotified: this VA sends no mail")


def _signer(mail: MailSettings) -> Signer:
    certificate, key = load_certificates(mail.certificate)[0], load_key(mail.key)
    if certificate.public_key() != key.public_key():
        raise InputError(f"{mail.certificate}: is not of the key in {mail.key}; let the CA issue one for this key")
    return Signer(mail_address(mail.sender), certificate, key)


def _views(config: VasConfig) -> Views:
    settings = config.perspectives
    if settings is None:
        return views("", look, ())
    return views(settings.region, look, make_agents(settings, guarded(settings)))


def _sources(mail: MailSettings, roots: Roots, views: Views) -> tuple[Source, ...]:
    def by_caa(domain: str, deadline: Deadline) -> tuple[str, ...]:
        return contacts_everywhere(domain, deadline, views)

    if mail.registries is None:
        return (by_caa,)
    registries = Registries.read(mail.registries)
    fetch = partial(get, roots=roots)
    return (lambda domain, deadline: contacts_by_rdap(domain, deadline, registries, fetch), by_caa)
