"""One round: see what lies on the shelf, fetch what is due, judge it, lay it (docs/spec, end of section 5).

What is laid was judged a moment before by the rules of a client. What lies there and is no longer good by them, because
it has expired, was damaged, or somebody was revoked or left the directory, is taken away. A good file is never replaced
by a bad one, and a voucher for all addresses not by one for fewer. Vouchers of a certificate that is no longer
configured stay until they expire, for the server may not have been reloaded yet; the last takes their directory along.

Rounds never interleave, whichever process walks them: a lock is held for the time. One file or one authority that
fails, in whatever way, fails alone; what was planned until then is saved.
"""

import fcntl
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random

from mecai.errors import HostError, InputError, MecaiError, VerificationError
from mecai.protocol.objects.authorities import Directory, Server
from mecai.protocol.pki.identity import address_text
from mecai.service.directory_file import read_directory
from mecai.service.durable import host_errors
from mecai.sidecar.agenda import Agenda, Appointment, after_failure, after_hold, after_success
from mecai.sidecar.config import Config
from mecai.sidecar.judge import Good, judge, require_unexpired
from mecai.sidecar.shelf import Place, Shelf
from mecai.sidecar.site import Errand, Site, load_site
from mecai.vrp.ask import Held, Refused

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class World:
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
    def errands(self) -> tuple[Errand, ...]:
        """Everything that is wanted."""
        return tuple(errand for site in self.sites for errand in site.errands(self.directory))


def look_around(config: Config, now: datetime) -> View:
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
            site.errands(directory)
        except MecaiError as error:
            failures[entry.chain] = error
        else:
            sites[site.hash] = site
    return View(directory, tuple(sites.values()), failures)


class Round:
    """One round over everything that `config` names."""

    def __init__(self, config: Config, world: World) -> None:
        self._config = config
        self._world = world
        self._shelf = Shelf(config.staples)

    def walk(self, *, everything: bool = False) -> datetime | None:
        """Fetch what is due, or everything; return when something will be due next. Raises `MecaiError`."""
        with _locked(self._config.private):
            now = self._world.clock()
            view = look_around(self._config, now)
            for path, error in view.failures.items():
                LOG.error("certificate cannot be served: %s", error, extra={"path": str(path)})
            agenda = Agenda(self._config.private / "agenda.json")
            try:
                self._tidy(view, now)
                due = [errand for errand in view.errands if everything or self._is_due(errand, agenda[errand.key], now)]
                with ThreadPoolExecutor(self._config.parallel_requests) as pool:
                    run = partial(self._run, view.directory)
                    done = pool.map(run, due, [agenda[errand.key].failures for errand in due])
                    for errand, appointment in zip(due, done, strict=True):
                        agenda[errand.key] = appointment
            finally:
                agenda.save({errand.key for errand in view.errands})
            return agenda.next_due()

    def _tidy(self, view: View, now: datetime) -> None:
        """Take away what is no longer good; what is configured is then due at once."""
        self._shelf.sweep()
        sites = {site.hash: site for site in view.sites}
        for place in self._shelf.places():
            try:
                self._keep_or_remove(place, sites.get(place.certificate), view.directory, now)
            except HostError as error:
                LOG.error("left on the shelf: %s", error, extra={"place": str(place)})  # noqa: TRY400 - one line says it
            except Exception:
                LOG.exception("left on the shelf: %s cannot be judged", place, extra={"place": str(place)})

    def _keep_or_remove(self, place: Place, site: Site | None, directory: Directory, now: datetime) -> None:
        """Take away what lies at `place` unless it is good; raises `HostError`."""
        data = self._shelf.read(place) or b""
        try:
            if site is not None:
                judge(data, place, site, directory, now)
            else:
                require_unexpired(data, place, now)
        except VerificationError as error:
            self._shelf.remove(place)
            LOG.warning("removed from the shelf: %s: %s", place, error, extra={"place": str(place)})

    def _is_due(self, errand: Errand, appointment: Appointment, now: datetime) -> bool:
        """Tell whether the time has come, was set by a clock that ran ahead, or what lay there is gone."""
        gone = not appointment.said and not self._shelf.holds(errand.place)
        return gone or not now < appointment.due <= now + self._config.interval

    def _run(self, directory: Directory, errand: Errand, failures: int) -> Appointment:
        """Fetch, judge, lay; return when to do so again."""
        facts = {"place": str(errand.place), "authority": errand.authority.name if errand.authority else "OCSP"}
        rng, interval = self._world.rng, self._config.interval
        try:
            data = self._fetch(errand)
            now = self._world.clock()
            if isinstance(data, Held):
                LOG.info("on hold", extra=facts | {"until": data.until})
                return after_hold(now, data.until, interval)
            good = judge(data, errand.place, errand.site, directory, now)
            self._require_no_worse(errand, good, directory, now)
            self._shelf.lay(errand.place, data)
        except MecaiError as error:
            LOG.warning("not laid: %s", error, extra=facts)
            return after_failure(self._world.clock(), failures, str(error), rng)
        except Exception as error:
            LOG.exception("not laid, by a fault of this program", extra=facts)
            return after_failure(self._world.clock(), failures, f"internal fault ({type(error).__name__})", rng)
        LOG.info("laid", extra=facts | {"nextUpdate": good.next_update})
        return after_success(now, good.next_update, interval, rng)

    def _fetch(self, errand: Errand) -> bytes | Held:
        """Ask the responder, or the servers of an authority one after the other; raises `MecaiError`."""
        if errand.authority is None:
            return self._world.staple(errand.site, self._world.clock())
        *others, last = errand.authority.servers
        for server in others:
            try:
                return self._world.ask(server, errand.request)
            except Refused as refusal:
                if refusal.final:
                    raise
        return self._world.ask(last, errand.request)

    def _require_no_worse(self, errand: Errand, good: Good, directory: Directory, now: datetime) -> None:
        """Refuse to replace what is good for more addresses."""
        lying = self._shelf.read(errand.place)
        if lying is None:
            return
        try:
            former = judge(lying, errand.place, errand.site, directory, now)
        except VerificationError:
            return
        if former.addresses > good.addresses:
            lost = ", ".join(map(address_text, sorted(former.addresses - good.addresses)))
            detail = f"the new voucher leaves out {lost}; the former stays until it expires"
            raise VerificationError("address-mismatch", "V9", detail)


@contextmanager
def _locked(private: Path) -> Iterator[None]:
    """Hold the sidecar's own folder for this process; another one's round is waited for."""
    with host_errors(private, "written"):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (private / "round.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
