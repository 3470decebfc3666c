"""What a stock server staples for one certificate: OpenSSL's ServerInfoFile with its good vouchers, its OCSP response.

A server that knows nothing of vouchers answers an empty extension with one payload for all (docs/spec T3, ADR 0002). It
reads the file when it starts, so a reload must follow, and it looks at no clock, so what ends soon is left out.

SSL_CTX_use_serverinfo_file(3): PEM, whose label begins with SERVERINFOV2 FOR; inside, the messages in which the
extension may stand (4 octets), its type and its length (2 octets each), its octets.
"""

import base64
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mecai.errors import InputError, MecaiError, VerificationError
from mecai.protocol.codec.tls_answer import VOUCHER, encode_vouchers
from mecai.service.regular import read_regular
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.kinds.kind import FetchTask, StapleKind
from mecai.sidecar.kinds.ocsp_staple import OcspKind
from mecai.sidecar.kinds.voucher import VoucherKind
from mecai.sidecar.site import Site
from mecai.sidecar.store import StapleStore
from mecai.sidecar.verdicts import LARGEST
from mecai.sidecar.wanted import Surveyor, Wanted

LEAST_LEFT: Final = timedelta(hours=1)  # of what a server goes on showing until it is reloaded
_ASKED_IN: Final = 0x0080  # SSL_EXT_CLIENT_HELLO
_SERVED_IN: Final = _ASKED_IN | 0x1100  # SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE
_LENGTH: Final = 2  # octets before each voucher, and before all of them
_LINE: Final = 64  # characters (RFC 7468)


@dataclass(frozen=True)
class Export:
    """What goes into one file, until when all of it is good, and who is left out, with the reason."""

    site: str
    vouchers: tuple[bytes, ...]
    until: datetime
    left_out: tuple[str, ...]

    @property
    def size(self) -> int:
        """Octets of the answer."""
        return len(encode_vouchers(self.vouchers))

    def server_info(self) -> bytes:
        """Return the file's content."""
        return _server_info(_SERVED_IN, encode_vouchers(self.vouchers))


def empty_server_info() -> bytes:
    """Return a file without vouchers: a server starts with it, knows the extension, and answers it in no message."""
    return _server_info(_ASKED_IN, b"")


def _server_info(messages: int, answer: bytes) -> bytes:
    body = messages.to_bytes(4) + VOUCHER.to_bytes(2) + len(answer).to_bytes(2) + answer
    lines = textwrap.wrap(base64.b64encode(body).decode(), _LINE)
    text = "\n".join(("-----BEGIN SERVERINFOV2 FOR VOUCHER-----", *lines, "-----END SERVERINFOV2 FOR VOUCHER-----"))
    return f"{text}\n".encode()


def make_export(
    config: SidecarConfig, kinds: Sequence[StapleKind], chain: Path | None, now: datetime, room: int
) -> Export:
    """Take the good vouchers of the certificate at `chain`, or of the only one, in at most `room` octets.

    Raises `InputError` where there are several certificates and none is named, `VerificationError` where no voucher is
    good, and `MecaiError` for what cannot be read.
    """
    wanted = Surveyor(config, kinds).survey(now)
    site = _site(wanted, chain)
    tasks = [task for task in wanted.tasks if task.site is site and isinstance(task.kind, VoucherKind)]
    vouchers, ends, left_out, size = [], [], [], _LENGTH
    for task in tasks:
        try:
            data, end = _good(task, StapleStore(config.staples), wanted, now)
        except MecaiError as error:
            left_out.append(f"{task.name}: {error}")
            continue
        if size + _LENGTH + len(data) > room:
            left_out.append(f"{task.name}: no room for {len(data)} octets, {room - size - _LENGTH} are left")
            continue
        size += _LENGTH + len(data)
        vouchers.append(data)
        ends.append(end)
    if not vouchers:
        why = "; ".join(left_out) or "no authority of the directory may vouch for it"
        raise VerificationError("no-voucher", "C1", f"{site.name}: there is nothing to export: {why}")
    return Export(site.name, tuple(vouchers), min(ends), tuple(left_out))


def make_staple(
    config: SidecarConfig, kinds: Sequence[StapleKind], chain: Path | None, now: datetime
) -> tuple[str, bytes, datetime]:
    """Take the good OCSP response (DER) of a certificate as `make_export` does; return its site, it, and its end.

    Raises `VerificationError` where there is none that is good.
    """
    wanted = Surveyor(config, kinds).survey(now)
    site = _site(wanted, chain)
    for task in wanted.tasks:
        if task.site is site and isinstance(task.kind, OcspKind):
            return site.name, *_good(task, StapleStore(config.staples), wanted, now)
    raise VerificationError("status-missing", "V11", f"{site.name}: its certificate names no OCSP responder")


def _site(wanted: Wanted, chain: Path | None) -> Site:
    for path, error in wanted.failures.items():
        if chain in {None, path}:
            raise error
    found = [site for site in wanted.sites.values() if chain in {None, site.entry.chain}]
    if len(found) == 1:
        return found[0]
    known = ", ".join(str(site.entry.chain) for site in wanted.sites.values())
    if chain:
        raise InputError(f"--certificate: {chain} is not configured; there are: {known}")
    raise InputError(
        f"--certificate: name one of {known}: of two in one server, a stock one staples for the last alone"
    )


def _good(task: FetchTask, store: StapleStore, wanted: Wanted, now: datetime) -> tuple[bytes, datetime]:
    """Return what clients accept, a voucher for every address, and its end; raises `MecaiError`."""
    if not store.holds(task.key):
        code, rule = ("no-voucher", "C1") if isinstance(task.kind, VoucherKind) else ("status-missing", "V11")
        raise VerificationError(code, rule, "there is none yet")
    data = read_regular(store.path(task.key), LARGEST, follow=False)
    servable = task.kind.judge(data, task.key, task.site, wanted.directory, now)
    if servable.next_update - now < LEAST_LEFT:
        raise VerificationError("expired", "V7", f"ends at {servable.next_update:%Y-%m-%dT%H:%M:%SZ}, too soon")
    return data, servable.next_update
