"""What a delivered host shows, on its way back to the host that fetches for it: renewed chains, and successions.

What comes is public, and believed no more than what a stranger says. It may renew, and nothing else: a chain takes the
place of the one that it follows, with none but the names of that one, no older, by a CA of the directory; a succession
is of the certificate that lies there; addresses, ports and places are those of the settings. So whoever rules the
delivered host can have vouchers asked for genuine certificates of its own names, one in `PAUSE` for each entry, and
once more with one succession in `PAUSE`: whatever is asked for anew, owners may hear of.

Who signed the directory that lies on this host is not asked here: the sidecar does so, and judges each chain once more.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import InputError, MecaiError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory, signer_of
from mecai.protocol.pki.identity import hash_of
from mecai.protocol.pki.names import dns_names
from mecai.service import durable
from mecai.service.locks import locked_folder
from mecai.service.pem import certificates_in, load_certificates
from mecai.service.regular import read_if_there, read_regular
from mecai.sidecar import successions
from mecai.sidecar.config import CertificateEntry, SidecarConfig
from mecai.sidecar.places import entries_of
from mecai.sidecar.privacy import privacy_of
from mecai.sidecar.site import Site, load_site
from mecai.sidecar.wanted import LARGEST_CHAIN

PAUSE: Final = timedelta(hours=1)  # between two chains of one entry, and between two of its successions
_PATIENCE: Final = 30.0  # seconds, for another process that hears of the same
_TOLD: Final = 20  # reasons
_SOURCE: Final = "renewed chain"


@dataclass(frozen=True)
class Shown:
    """What a delivered host shows: chains in PEM, successions in base64."""

    chains: Sequence[str] = ()
    successions: Sequence[str] = ()


@dataclass
class Renewed:
    """What came of it: where chains and successions were laid, and why others were not."""

    renewed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    successions: list[str] = field(default_factory=list)


def shown(sites: Iterable[Site]) -> list[str]:
    """Return the chains of these sites as they travel: certificates alone in PEM, whatever else is in their files."""
    return [_pem(site.presented).decode() for site in sites]


def learn(config: SidecarConfig, heard: Shown, now: datetime) -> Renewed:
    """Lay each chain that renews one of the settings, and each succession; those that are there are nothing new.

    One process at a time does so for the settings' state. Raises `MecaiError` where there is no directory to judge by.
    """
    if not heard.chains and not heard.successions:
        return Renewed()
    octets = read_regular(config.directory, LIMITS.directory_size)
    directory = parse_directory(octets, [signer_of(octets)], now, even_expired=True)
    with locked_folder(config.state, _PATIENCE):
        known = list(_known(config))
        # There is one of each for each entry at most.
        statements, reasons = successions.by_certificate(heard.successions[: len(known)])
        learner = _Learner(config, directory, statements, now, Renewed(reasons=reasons))
        for chain in heard.chains[: len(known)]:
            learner.lay_chain(known, chain)
        for each in _known(config):
            learner.lay_statement(each.entry, each.certificate)
    del learner.done.reasons[_TOLD:]
    return learner.done


@dataclass(frozen=True)
class _Known:
    entry: CertificateEntry
    certificate: x509.Certificate

    def may_be_followed_by(self, other: x509.Certificate) -> bool:
        """Tell whether a certificate has no name that this one has not, and is no older."""
        names = _names(other)
        no_older = self.certificate.not_valid_before_utc <= other.not_valid_before_utc
        return no_older and bool(names) and names <= _names(self.certificate)


def _known(config: SidecarConfig) -> Iterator[_Known]:
    """Yield what can be read of the settings' own; of the others `status` tells."""
    for entry in entries_of(config)[0]:
        with suppress(MecaiError):
            yield _Known(entry, load_certificates(entry.chain)[0])


@dataclass(frozen=True)
class _Learner:
    config: SidecarConfig
    directory: Directory
    statements: dict[bytes, bytes]  # that were not looked at yet
    now: datetime
    done: Renewed

    def lay_chain(self, known: Sequence[_Known], chain: str) -> None:
        """Lay a chain in the place of the one that it follows, its succession first, so that no hold begins."""
        with self._telling():
            pem = chain.encode(errors="replace")  # JSON has text that is none
            if len(pem) > LARGEST_CHAIN:
                raise InputError(f"{_SOURCE}: {len(pem)} octets, more than {LARGEST_CHAIN}")
            certificate = certificates_in(pem, _SOURCE)[0]
            if any(each.certificate == certificate for each in known):
                return
            entry = _followed(known, certificate)
            site = load_site(entry, pem, self.directory, privacy_of(self.config), self.now)
            _check_pause(entry.chain, self.now)
            self.lay_statement(entry, certificate)
            durable.replace(entry.chain, _pem(site.presented), durable.PUBLIC)
            self.done.renewed.append(str(entry.chain))

    def lay_statement(self, entry: CertificateEntry, certificate: x509.Certificate) -> None:
        """Lay what came of the succession of this certificate, where the settings have a place for it."""
        place, statement = entry.succession, self.statements.pop(hash_of(certificate), None)
        if place is None or statement is None or read_if_there(place, LIMITS.voucher_size) == statement:
            return
        with self._telling():
            successions.verify(statement, certificate, self.now)
            _check_pause(place, self.now)
            durable.replace(place, statement, durable.PUBLIC)
            self.done.successions.append(str(place))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except MecaiError as error:
            self.done.reasons.append(str(error))


def _followed(known: Sequence[_Known], certificate: x509.Certificate) -> CertificateEntry:
    """Return the one entry whose certificate this one follows: of several, that with a key of the same kind."""
    found = [each for each in known if each.may_be_followed_by(certificate)]
    if len(found) > 1:
        kind = type(certificate.public_key())
        found = [each for each in found if isinstance(each.certificate.public_key(), kind)]
    if len(found) != 1:
        names = ", ".join(sorted(_names(certificate)))
        raise InputError(f"{_SOURCE}: for {names!r}: follows {len(found) or 'no'} chain(s) of the settings")
    return found[0].entry


def _check_pause(path: Path, now: datetime) -> None:
    """Refuse, as `InputError`, to replace what was laid in the last `PAUSE`."""
    with durable.host_errors(path, "read"):
        try:
            since = now.timestamp() - path.stat().st_mtime
        except FileNotFoundError:
            return
    if 0 <= since < PAUSE.total_seconds():
        raise InputError(f"{path}: was laid {since:.0f} s ago; another one may be after {PAUSE.total_seconds():.0f} s")


def _names(certificate: x509.Certificate) -> frozenset[str]:
    return frozenset(name.lower() for name in dns_names(certificate))


def _pem(chain: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
