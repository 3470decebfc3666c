"""What a certificate authority does: certify, revoke, publish.

It certifies whatever name its caller gives: proving who may have a name (domain validation) is not done here. Each
change is in the register before it is public, and public before the certificate leaves.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.ca.authority.keys import accept_key, key_hash
from mecai.ca.authority.profiles import RULES, Issuer, Order, Profile, draft
from mecai.ca.config import Config, check_days
from mecai.ca.repository.publication import Publication
from mecai.ca.storage.keystore import Home, create_home, locked, open_home, sign
from mecai.ca.storage.register import Entry, Revocation, serial_text
from mecai.errors import HostError, InputError
from mecai.protocol.objects import authorities
from mecai.protocol.objects.entries import encode_authority
from mecai.protocol.pki.identity import authority_id, spki_der, spki_hash
from mecai.protocol.pki.keys import PublicKey

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


def initialise(config: Config, now: datetime) -> bool:
    """Make an authority and publish it; returns False if everything was there already."""
    with locked(config.state):
        made = create_home(config, now)
        publication = Publication(config, open_home(config))
        if not made and publication.is_complete():
            return False
        publication.publish(now)
        return True


@contextmanager
def opened(config: Config) -> Iterator["Authority"]:
    """Open an authority for this process alone; raises `HostError` if there is none or this user may not."""
    with locked(config.state):
        yield Authority(config, open_home(config))


class Authority:
    """An authority in its home; made by `opened`."""

    def __init__(self, config: Config, home: Home) -> None:
        self._config = config
        self._home = home
        self._publication = Publication(config, home)

    def issue(
        self, profile: Profile, key: PublicKey, names: Sequence[str], days: int | None, now: datetime
    ) -> tuple[x509.Certificate, ...]:
        """Certify a key; returns the certificate and its intermediates, the root left out.

        Raises `InputError` for names that are missing or have no place, for a lifetime out of bounds, and for a key
        that serves another purpose or was compromised.
        """
        rules = RULES[profile]
        if rules.named and not names:
            raise InputError(f"profile {profile} needs a DNS name: give --dns, or a request with alternative names")
        if names and not rules.named:
            raise InputError(f"profile {profile} has no DNS names; leave out --dns")
        self._refuse_known(accept_key(key), profile)
        signer = self._home.signers[rules.issuer]
        order = Order(profile, key, tuple(dict.fromkeys(names)), self._lifetime(profile, days))
        if now >= signer.certificate.not_valid_after_utc:
            raise HostError(f"{rules.issuer} certificate: ended at {signer.certificate.not_valid_after_utc}")
        builder = draft(order, self._config.name, signer.certificate, self._config.status_urls, now)
        certificate = sign(builder, signer.key)
        self._home.register.add(rules.issuer, profile, certificate)
        self._publication.publish_status(now)
        return (certificate,) if rules.issuer is Issuer.ROOT else (certificate, signer.certificate)

    def revoke(self, serial: int, reason: x509.ReasonFlags, now: datetime) -> tuple[Entry, bool]:
        """Revoke a certificate, for good; returns its entry, and False if it was revoked before.

        Raises `InputError` if this authority never issued it, or if it is the root, whose status nobody asks.
        """
        text = serial_text(serial)
        entry = self._home.register.entry(text)
        if entry is None:
            raise InputError(f"serial number {text}: not issued by this authority; see: mecai ca list")
        if entry.profile is Profile.ROOT:
            raise InputError("a root cannot revoke itself; have it distrusted in the directory instead")
        if entry.revocation is None:
            self._home.register.revoke(text, Revocation(now, reason))
        self._publication.publish(now)
        return entry, entry.revocation is None

    def entries(self) -> tuple[Entry, ...]:
        """Return everything that was signed, in the order of signing."""
        return self._home.register.entries()

    def describe(self) -> dict[str, object]:
        """Return this authority as one entry of a directory: JSON values (docs/spec, section 7)."""
        root, issuing = (self._home.signers[issuer].certificate for issuer in (Issuer.ROOT, Issuer.ISSUING))
        entry = authorities.Authority(
            name=self._config.name,
            owner_group=self._config.owner_group,
            region=self._config.region,
            authority=authority_id(spki_der(root)),
            roots=(root,),
            subordinates=frozenset({spki_hash(issuing)}),
            servers=(authorities.Server(self._config.vas_url, (root,)),),
        )
        return encode_authority(entry)

    def publish(self, now: datetime) -> None:
        """Publish everything again: answers that grew old, and new CRLs."""
        self._publication.publish(now)

    def _lifetime(self, profile: Profile, days: int | None) -> timedelta:
        if days is None:
            return timedelta(days=getattr(self._config.days, profile.purpose))
        try:
            check_days("--days", profile.purpose, days)
        except ValueError as error:
            raise InputError(str(error)) from error
        return timedelta(days=days)

    def _refuse_known(self, key: PublicKey, profile: Profile) -> None:
        """Refuse a key that was compromised, or that serves another purpose (docs/spec, K4)."""
        for entry in self._home.register.entries_of(key_hash(key)):
            if entry.revocation and entry.revocation.reason is x509.ReasonFlags.key_compromise:
                raise InputError(
                    f"signing request: its key was compromised (certificate {entry.serial}); make a new one"
                )
            if entry.profile.purpose != profile.purpose:
                raise InputError(
                    f"signing request: its key already serves profile {entry.profile} (certificate {entry.serial}); "
                    "a key serves one purpose: make a new one"
                )
