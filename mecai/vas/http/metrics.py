"""What a VAS shows Prometheus, on a listener of its own: a second small application, for a gunicorn of its own.

    gunicorn --bind 127.0.0.1:9464 'mecai.vas.http.metrics:create_app()'

Configuration as of the server: MECAI_VAS_CONFIG, or /etc/mecai/vas.toml. What the server's workers measure it reads in
the folder that PROMETHEUS_MULTIPROC_DIR names, the same for both; the rest it asks of the database, of the VA's
certificate and of the lists of revoked certificates at each question. Nothing here names a certificate, a requester or
an address.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from mecai.errors import HostError, MecaiError
from mecai.net.revocations import Revocations
from mecai.service.database import cause, time_of
from mecai.service.pem import load_certificates
from mecai.service.web import start
from mecai.vas.config import VasConfig, read_config
from mecai.vas.storage.certificates import CertificateLog
from mecai.vas.storage.database import open_database
from mecai.vas.storage.outbox import VAIN, Outbox

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
LOG = logging.getLogger(__name__)
_DAY: Final = timedelta(days=1)
Application = Callable[..., Any]  # WSGI's


def create_app() -> Application:
    """Make the application as the environment configures it; a bad configuration ends the process in one line."""
    path, folder = Path("/etc/mecai/vas.toml"), Path(os.environ.get(FOLDER, "/run/mecai-vas-metrics"))
    return start("the metrics", "MECAI_VAS_CONFIG", path, lambda path: make_app(read_config(path), folder))


def make_app(config: VasConfig, folder: Path) -> Application:
    """Make the application for the server of a configuration, whose workers measure into `folder`."""
    registry = CollectorRegistry()
    registry.register(Measured(folder))
    registry.register(Asked(config, open_database(config.database), lambda: datetime.now(UTC)))
    app: Application = make_wsgi_app(registry)
    return app


@dataclass(frozen=True)
class Measured(Collector):
    """What the workers measured since the server was started; nothing while there is no such folder."""

    folder: Path

    def collect(self) -> Iterator[Metric]:
        """Sum up what each of them wrote."""
        if self.folder.is_dir():
            yield from MultiProcessCollector(None, str(self.folder)).collect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Asked(Collector):
    """What database, certificate and lists say; a question that fails leaves its metric out, and is logged."""

    config: VasConfig
    engine: Engine
    clock: Callable[[], datetime]

    def describe(self) -> Iterator[Metric]:
        """Name nothing before it is asked."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Ask each."""
        now = self.clock()
        for ask in (self._certificate, self._lists, self._clock, self._hold, self._outbox):
            try:
                yield from ask(now)
            except MecaiError as error:
                LOG.warning("not measured: %s", error)
            except SQLAlchemyError as error:
                LOG.warning("not measured: database: %s", cause(error))

    def _certificate(self, now: datetime) -> Iterator[Metric]:
        end = load_certificates(self.config.certificate)[0].not_valid_after_utc
        yield _gauge("certificate_days_left", "Days until the VA's certificate ends.", (end - now) / _DAY)

    def _lists(self, now: datetime) -> Iterator[Metric]:
        """Show those that cannot be read as ended, for that is what comes of it."""
        what = "Days until the first list of revoked certificates ends, by who is held against it; 0: cannot be read."
        left = GaugeMetricFamily("mecai_vas_lists_days_left", what, labels=["who"])
        for who, lists in self.config.lists.items():
            try:
                days = (Revocations.read(lists).end - now) / _DAY
            except HostError as error:
                LOG.warning("no days left: %s", error)
                days = 0
            left.add_metric([who], days)
        yield left

    def _clock(self, now: datetime) -> Iterator[Metric]:
        ahead = (now - time_of(self.engine)).total_seconds()
        yield _gauge("clock_ahead_seconds", "How far this node's clock is ahead of the database's.", ahead)

    def _hold(self, now: datetime) -> Iterator[Metric]:
        held = CertificateLog(self.engine).held(now - self.config.hold)
        yield _gauge("held_certificates", "Certificates of the log whose hold has not ended.", held)

    def _outbox(self, now: datetime) -> Iterator[Metric]:
        depth = _by_kind("messages", "Messages still to be done, by kind.")
        late = _by_kind("late_seconds", "How long the first of them has been due, by kind.")
        vain = _by_kind("in_vain_messages", f"Messages tried {VAIN} times or more in vain, by kind.")
        for kind, found in Outbox(self.engine).waiting().items():
            depth.add_metric([kind], found.messages)
            late.add_metric([kind], max(0.0, (now - found.due).total_seconds()))
            vain.add_metric([kind], found.in_vain)
        yield from (depth, late, vain)


def _by_kind(name: str, what: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"mecai_vas_outbox_{name}", what, labels=["kind"])


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mecai_vas_{name}", what, value=value)
