"""One round: see what lies on the store, fetch what is due, judge it, lay it (docs/spec, end of section 5).

What is laid was judged a moment before by the rules of a client. What lies there and is no longer good by them, because
it has expired, was damaged, or somebody was revoked or left the directory, is taken away. A good file is never replaced
by a bad one, and a voucher for all addresses not by one for fewer. Vouchers of a certificate that is no longer
configured stay until they expire, for the server may not have been reloaded yet; the last takes their directory along.

Rounds never interleave, whichever process walks them: a lock is held for the time. One file or one authority that
fails, in whatever way, fails alone; what was planned until then is saved.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random

from mecai.errors import HostError, InputError, MecaiError, VerificationError
from mecai.protocol.objects.authorities import Directory, Server
from mecai.protocol.pki.identity import address_text
from mecai.service.directory_file import read_directory
from mecai.service.locks import locked
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.judge import Good, judge, require_unexpired
from mecai.sidecar.schedule import NextFetch, Schedule, after_failure, after_hold, after_success
from mecai.sidecar.site import FetchTask, Site, load_site
from mecai.sidecar.store import StapleKey, StapleStore
from mecai.vrp.ask import Held, Refused

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Environment:
    """What lies outside: the clock, chance, the VASes and the OCSP responders."""

    clock: Callable[[], datetime]
    rng: Random
    ask: Callable[[Server, bytes], bytes | Held]
    staple: Callable[[Site, datetime], bytes]


@dataclass(frozen=True)
class View:
    """What a round, or a report, finds: the directory, the sites that can be served, and why others cannot."""

    directory: Directory
    sites: tuple[Site, ...]
    failures: dict[Path, MecaiError]

    @property
    def tasks(self) -> tuple[FetchTask, ...]:
        """Everything that is wanted."""
        return tuple(task for site in self.sites for task in site.tasks(self.directory))


def look_around(config: SidecarConfig, now: datetime) -> View:
    """Read the directory and the chains, each of which fails alone; raises `MecaiError` for the directory."""
    directory = read_directory(config.directory, config.publishers, config.private, now)
    sites: dict[bytes, Site] = {}
    failures: dict[Path, MecaiError] = {}
    for entry in config.certificates:
        try:
            site = load_site(entry, directory, now)
            if site.hash in sites:
                line = f"{entry.chain}: shows the certificate of another entry; give one entry with all addresses"
                raise InputError(line)
            site.tasks(directory)
        except MecaiError as error:
            failures[entry.chain] = error
        else:
            sites[site.hash] = site
    return View(directory, tuple(sites.values()), failures)


class Round:
    """One round over everything that `config` names."""

    def __init__(self, config: SidecarConfig, environment: Environment) -> None:
        self._config = config
        self._environment = environment
        self._store = StapleStore(config.staples)

    def run(self, *, everything: bool = False) -> datetime | None:
        """Fetch what is due, or everything; return when something will be due next. Raises `MecaiError`."""
        with locked(self._config.private / "round.lock"):
            now = self._environment.clock()
            view = look_around(self._config, now)
            for path, error in view.failures.items():
                LOG.error("certificate cannot be served: %s", error, extra={"path": str(path)})
            schedule = Schedule(self._config.private / "schedule.json")
            try:
                self._tidy(view, now)
                due = [task for task in view.tasks if everything or self._is_due(task, schedule[task.identifier], now)]
                with ThreadPoolExecutor(self._config.parallel_requests) as pool:
                    run = partial(self._fetch_one, view.directory)
                    done = pool.map(run, due, [schedule[task.identifier].failures for task in due])
                    for task, next_fetch in zip(due, done, strict=True):
                        schedule[task.identifier] = next_fetch
            finally:
                schedule.save({task.identifier for task in view.tasks})
            return schedule.next_due()

    def _tidy(self, view: View, now: datetime) -> None:
        """Take away what is no longer good; what is configured is then due at once."""
        self._store.sweep()
        sites = {site.hash: site for site in view.sites}
        for place in self._store.places():
            try:
                self._keep_or_remove(place, sites.get(place.certificate), view.directory, now)
            except HostError as error:
                LOG.error("left on the store: %s", error, extra={"place": str(place)})  # noqa: TRY400 - one line says it
            except Exception:
                LOG.exception("left on the store: %s cannot be judged", place, extra={"place": str(place)})

    def _keep_or_remove(self, place: StapleKey, site: Site | None, directory: Directory, now: datetime) -> None:
        """Take away what lies at `place` unless it is good; raises `HostError`."""
        data = self._store.read(place) or b""
        try:
            if site is not None:
                judge(data, place, site, directory, now)
            else:
                require_unexpired(data, place, now)
        except VerificationError as error:
            self._store.remove(place)
            LOG.warning("removed from the store: %s: %s", place, error, extra={"place": str(place)})

    def _is_due(self, task: FetchTask, next_fetch: NextFetch, now: datetime) -> bool:
        """Tell whether the time has come, was set by a clock that ran ahead, or what lay there is gone."""
        gone = not next_fetch.said and not self._store.holds(task.key)
        return gone or not now < next_fetch.due <= now + self._config.interval

    def _fetch_one(self, directory: Directory, task: FetchTask, failures: int) -> NextFetch:
        """Fetch, judge, lay; return when to do so again."""
        facts = {"place": str(task.key), "authority": task.authority.name if task.authority else "OCSP"}
        rng, interval = self._environment.rng, self._config.interval
        try:
            data = self._fetch(task)
            now = self._environment.clock()
            if isinstance(data, Held):
                LOG.info("on hold", extra=facts | {"until": data.until})
                return after_hold(now, data.until, interval)
            good = judge(data, task.key, task.site, directory, now)
            self._require_no_worse(task, good, directory, now)
            self._store.lay(task.key, data)
        except MecaiError as error:
            LOG.warning("not laid: %s", error, extra=facts)
            return after_failure(self._environment.clock(), failures, str(error), rng)
        except Exception as error:
            LOG.exception("not laid, by a fault of this program", extra=facts)
            return after_failure(self._environment.clock(), failures, f"internal fault ({type(error).__name__})", rng)
        LOG.info("laid", extra=facts | {"nextUpdate": good.next_update})
        return after_success(now, good.next_update, interval, rng)

    def _fetch(self, task: FetchTask) -> bytes | Held:
        """Ask the responder, or the servers of an authority one after the other; raises `MecaiError`."""
        if task.authority is None:
            return self._environment.staple(task.site, self._environment.clock())
        *others, last = task.authority.servers
        for server in others:
            try:
                return self._environment.ask(server, task.request)
            except Refused as refusal:
                if refusal.final:
                    raise
        return self._environment.ask(last, task.request)

    def _require_no_worse(self, task: FetchTask, good: Good, directory: Directory, now: datetime) -> None:
        """Refuse to replace what is good for more addresses."""
        lying = self._store.read(task.key)
        if lying is None:
            return
        try:
            former = judge(lying, task.key, task.site, directory, now)
        except VerificationError:
            return
        if former.addresses > good.addresses:
            lost = ", ".join(map(address_text, sorted(former.addresses - good.addresses)))
            detail = f"the new voucher leaves out {lost}; the former stays until it expires"
            raise VerificationError("address-mismatch", "V9", detail)
