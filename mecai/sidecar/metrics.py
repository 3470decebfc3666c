"""How everything stands, for Prometheus: a file for its node exporter, a listener on loopback, or both.

Told are numbers by certificate and by authority, not each file: a thousand certificates of ten authorities would be ten
thousand series. Which file is bad, and why, `mecai sidecar status` says.
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mecai.errors import HostError
from mecai.service.durable import PUBLIC, replace
from mecai.service.endpoint import read_endpoint
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.listener import Listener
from mecai.sidecar.standing import StapleStatus

LOG = logging.getLogger(__name__)


class Metrics(Collector):
    """What the last look at everything found."""

    def __init__(self, config: SidecarConfig) -> None:
        """Begin to listen, where the settings say so; raises `HostError`."""
        self._config = config
        self._rows: Sequence[StapleStatus] | None = None
        self._looked: datetime | None = None
        self._lock = threading.Lock()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._listener = _listen(config, self._registry)

    @property
    def wanted(self) -> bool:
        """Tell whether anybody is to be told."""
        return bool(self._config.metrics_file or self._config.metrics_address)

    def update(self, rows: Sequence[StapleStatus] | None, now: datetime) -> None:
        """Tell of these rows from now on, or that nothing can be judged; a file that cannot be written is logged."""
        with self._lock:
            self._rows, self._looked = rows, now
        if self._config.metrics_file:
            try:
                replace(self._config.metrics_file, generate_latest(self._registry), PUBLIC)
            except HostError as error:
                LOG.warning("metrics not written: %s", error)

    def close(self) -> None:
        """Listen no longer."""
        if self._listener:
            self._listener.close()
            self._listener = None

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus reads."""
        with self._lock:
            rows, looked = self._rows, self._looked
        if looked is None:
            return
        yield _gauge("last_look_timestamp_seconds", "When everything was looked at last.", looked.timestamp())
        healthy = rows is not None and all(row.state.served for row in rows)
        yield _gauge("healthy", "Whether everything that is wanted is served.", healthy)
        yield from _numbers(rows or ())


def _numbers(rows: Sequence[StapleStatus]) -> Iterator[Metric]:
    vouchers = [row for row in rows if row.kind == "voucher"]
    kinds = _counted((row.kind, row.state.word) for row in rows)
    authorities = _counted((row.name, row.state.word) for row in vouchers)
    served = _counted((row.certificate,) for row in vouchers if row.state.served)
    served.update({(row.certificate,): 0 for row in vouchers})
    yield _counts("staples", "Files that are wanted.", ("kind", "state"), kinds)
    yield _counts("authority_vouchers", "Vouchers that are wanted of one.", ("authority", "state"), authorities)
    yield _counts("certificate_vouchers", "Vouchers that are served for one.", ("certificate",), served)
    yield _ends(rows)


def _counted(keys: Iterable[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    return Counter(keys)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mecai_sidecar_{name}", help_text, value=value)


def _counts(name: str, help_text: str, labels: Sequence[str], counted: Counter[tuple[str, ...]]) -> Metric:
    family = GaugeMetricFamily(f"mecai_sidecar_{name}", help_text, labels=labels)
    for values, count in sorted(counted.items()):
        family.add_metric(values, count)
    return family


def _ends(rows: Sequence[StapleStatus]) -> Metric:
    """Say when the last voucher of a certificate ends, and its staple: from then on clients refuse, or ask."""
    ends: dict[tuple[str, str], datetime] = {}
    for row in rows:
        if row.next_update and row.state.served:
            key = row.certificate, row.kind
            ends[key] = max(row.next_update, ends.get(key, row.next_update))
    name, text = "mecai_sidecar_served_until_timestamp_seconds", "When the last file of a kind for a certificate ends."
    family = GaugeMetricFamily(name, text, labels=("certificate", "kind"))
    for key, end in sorted(ends.items()):
        family.add_metric(key, end.timestamp())
    return family


def _listen(config: SidecarConfig, registry: CollectorRegistry) -> Listener | None:
    if not config.metrics_address:
        return None
    address, port = read_endpoint(config.metrics_address)
    try:
        return Listener(str(address), port, registry)
    except OSError as error:
        said = f"metrics_address: {config.metrics_address}: cannot be listened at ({error.strerror})"
        raise HostError(said) from error
