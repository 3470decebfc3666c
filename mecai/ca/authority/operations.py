"""What a certificate authority does: certify, revoke, publish.

It certifies whatever name its caller gives: proving who may have a name (domain validation) is not done here. Each
change is in the register before it is public, and public before the certificate leaves.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from sqlalchemy import Engine

from mecai.ca.authority.description import describe
from mecai.ca.authority.establishment import establish
from mecai.ca.authority.keys import accept_key
from mecai.ca.authority.profiles import RULES, IssuanceRequest, draft, sign
from mecai.ca.config import AuthorityConfig, check_days
from mecai.ca.repository.publication import Publication
from mecai.ca.storage.database import SCHEMA, register_database
from mecai.ca.storage.keystore import Keystore, home_of, locked, read_keystore
from mecai.ca.storage.records import CertificateProfile, Issuer, RegisterEntry, Revocation, serial_text
from mecai.ca.storage.register import Register
from mecai.ca.storage.schedule import PublicationSchedule
from mecai.errors import HostError, InputError, MecaiError
from mecai.protocol.objects.entries import encode_authority
from mecai.protocol.pki.identity import hash_of
from mecai.protocol.pki.keys import PublicKey
from mecai.service.schema import require_ready

# RFC 5280 section 5.3.1, without those that undo or that belong to other kinds of list.
REASONS: Final = {
    reason.value: reason
    for reason in (
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.ca_compromise,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
        x509.ReasonFlags.privilege_withdrawn,
    )
}


class NotGood(MecaiError):
    """A certificate is not one of this authority's, or no longer one to rely on."""

    exit_code = 1


def initialise(config: AuthorityConfig, now: datetime, *, make_root: bool = True) -> bool:
    """Make an authority and publish it; returns False if everything was there already.

    Without `make_root` the authority must be there (`HostError`), and is only brought up to date.
    """
    made = establish(config, now, make_root=make_root)
    with opened(config) as authority:
        if not made and authority.is_published():
            return False
        authority.publish(now)
    return True


@contextmanager
def opened(config: AuthorityConfig) -> Iterator["CertificateAuthority"]:
    """Open an authority.

    Raises `HostError` if there is none, if it has another root than the pinned one or if this user may not,
    `InputError` if it has another name.
    """
    with locked(config.state):
        keystore = read_keystore(config.state)
    _check_root(config, keystore[Issuer.ROOT].certificate)
    with register_database(config.database, home_of(config.state)) as engine:
        require_ready(engine, SCHEMA)
        yield CertificateAuthority(config, keystore, engine)


class CertificateAuthority:
    """An authority with its keys and its register; made by `opened`. Several processes may have it open."""

    def __init__(self, config: AuthorityConfig, keystore: Keystore, engine: Engine) -> None:
        self._config = config
        self._keystore = keystore
        self._register = Register(engine)
        self._publication = Publication(config, keystore, PublicationSchedule(engine), self._lock)

    def issue(
        self, profile: CertificateProfile, key: PublicKey, names: Sequence[str], days: int | None, now: datetime
    ) -> tuple[x509.Certificate, ...]:
        """Certify a key; returns the certificate and its intermediates, the root left out.

        Raises `InputError` for names that are missing or have no place, for a lifetime out of bounds, and for a key
        that serves another purpose or was compromised.
        """
        rules, wanted = RULES[profile], tuple(dict.fromkeys(names))
        if rules.names and not wanted:
            raise InputError(f"profile {profile} needs a {rules.names.called}: {rules.names.remedy}")
        if wanted and not rules.names:
            raise InputError(f"profile {profile} has no names of its own; leave them out")
        request = IssuanceRequest(profile, accept_key(key), wanted, self._lifetime(profile, days))
        signer = self._keystore[rules.issuer]
        if now >= signer.certificate.not_valid_after_utc:
            raise HostError(f"{rules.issuer} certificate: ended at {signer.certificate.not_valid_after_utc}")
        builder = draft(request, self._config.name, signer.certificate, self._config.status_urls, now)
        with self._lock():
            self._refuse_known(request.key, profile)
            certificate = sign(builder, signer.key)
            entry = RegisterEntry(rules.issuer, profile, certificate)
            self._register.add(entry, now)
            self._publication.publish_statuses([entry.serial], now)
        return (certificate,) if rules.issuer is Issuer.ROOT else (certificate, signer.certificate)

    def revoke(self, serial: int, reason: x509.ReasonFlags, now: datetime) -> tuple[RegisterEntry, bool]:
        """Revoke a certificate, for good; returns its entry, and False if it was revoked before.

        Raises `InputError` if this authority never issued it, or if it is the root, whose status nobody asks.
        """
        text = serial_text(serial)
        with self._lock():
            entry = self._revocable(text)
            if entry.revocation is None:
                self._register.revoke(entry, Revocation(now, reason))
            self._publication.publish_statuses([text], now)
        self._publication.publish_crls(now)
        return entry, entry.revocation is None

    def check(self, certificate: x509.Certificate, now: datetime) -> RegisterEntry:
        """Return the entry of this very certificate.

        Raises `NotGood` if it is not from this authority, out of its time or revoked.
        """
        serial, end = serial_text(certificate.serial_number), certificate.not_valid_after_utc
        entry = self._register.entry(serial)
        if entry is None or entry.certificate != certificate:
            raise NotGood(f"certificate {serial}: not issued by this authority")
        if entry.revocation:
            reason = entry.revocation.reason.value
            raise NotGood(f"certificate {serial}: revoked at {entry.revocation.time}: {reason}")
        if not certificate.not_valid_before_utc <= now <= end:
            raise NotGood(f"certificate {serial}: valid from {certificate.not_valid_before_utc} to {end}")
        return entry

    def entries(self) -> tuple[RegisterEntry, ...]:
        """Return everything that was signed, in the order of signing."""
        return self._register.entries()

    @property
    def root_hash(self) -> bytes:
        """SHA-256 over the DER of the root, to be pinned."""
        return hash_of(self._keystore[Issuer.ROOT].certificate)

    def describe(self, now: datetime) -> dict[str, object]:
        """Return this authority as one entry of a directory: JSON values (docs/spec, section 7)."""
        return encode_authority(describe(self._config, self._keystore, self._register, now))

    def publish(self, now: datetime) -> None:
        """Publish what is due: status that is new or grew old, CRLs; and what is lost."""
        self._publication.publish(now)

    def is_published(self) -> bool:
        """Tell whether every public file that the configuration asks for is there."""
        return self._publication.is_complete()

    def _lock(self) -> AbstractContextManager[None]:
        return locked(self._config.state)

    def _revocable(self, serial: str) -> RegisterEntry:
        entry = self._register.entry(serial)
        if entry is None:
            raise InputError(f"serial number {serial}: not issued by this authority; see: mecai ca list")
        if entry.profile is CertificateProfile.ROOT:
            raise InputError("a root cannot revoke itself; have it distrusted in the directory instead")
        return entry

    def _lifetime(self, profile: CertificateProfile, days: int | None) -> timedelta:
        if days is None:
            return timedelta(days=getattr(self._config.days, profile.purpose))
        try:
            check_days("--days", profile.purpose, days)
        except ValueError as error:
            raise InputError(str(error)) from error
        return timedelta(days=days)

    def _refuse_known(self, key: PublicKey, profile: CertificateProfile) -> None:
        """Refuse a key that was compromised, or that serves another purpose (docs/spec, K4)."""
        for entry in self._register.entries_of(key):
            if entry.revocation and entry.revocation.reason is x509.ReasonFlags.key_compromise:
                raise InputError(
                    f"signing request: its key was compromised (certificate {entry.serial}); make a new one"
                )
            if entry.profile.purpose != profile.purpose:
                raise InputError(
                    f"signing request: its key already serves profile {entry.profile} (certificate {entry.serial}); "
                    "a key serves one purpose: make a new one"
                )


def _check_root(config: AuthorityConfig, root: x509.Certificate) -> None:
    home = home_of(config.state)
    fingerprint = hash_of(root)
    if config.root_hash not in {None, fingerprint}:
        remedy = "mount or restore the right folder"
        raise HostError(f"{home}: its root is {fingerprint.hex()}, not the pinned {config.root}; {remedy}")
    expected, found = f"CN={config.name} root CA", root.subject.rfc4514_string()
    if found != expected:
        raise InputError(f"name: {config.name!r}, but the authority in {home} is {found!r}; names cannot change")
