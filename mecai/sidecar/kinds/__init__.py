"""The kinds of staples that a sidecar keeps, each in a module of its own."""

from mecai.evidence import AddressPolicy, Fetcher
from mecai.net.resolve import from_system
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.kinds.kind import StapleKind
from mecai.sidecar.kinds.ocsp_staple import OcspKind
from mecai.sidecar.kinds.voucher import VoucherKind
from mecai.vrp.ask import ask


def kinds_of(config: SidecarConfig) -> tuple[StapleKind, ...]:
    """Return every kind, each with its own way out within the limits of `config`; names are the operator's own."""
    return (OcspKind(Fetcher(AddressPolicy(config.allowed_networks), from_system)), VoucherKind(ask))
