"""An authority's home on disk: made whole or not at all, opened by one process of one user at a time.

    STATE/lock                     held while a command works
    STATE/authority/root.key.pem   0600; likewise issuing.key.pem
    STATE/authority/root.pem       likewise issuing.pem
    STATE/authority/register.db    every certificate that was signed

The home is built under another name and renamed when all of it is on disk: a crash leaves no half-made authority.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import key_pem, make_key
from mecai.ca.authority.profiles import Issuer, Order, Profile, draft
from mecai.ca.config import Config
from mecai.ca.storage.register import Register, create_register
from mecai.errors import HostError, InputError
from mecai.protocol.pki.algorithms import for_key
from mecai.protocol.pki.keys import PrivateKey
from mecai.service import durable, locks
from mecai.service.pem import load_certificates, load_key

_HOME: Final = "authority"
_UNFINISHED: Final = ".authority.unfinished"
_REGISTER: Final = "register.db"


@dataclass(frozen=True)
class Signer:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Home:
    """What lies in an authority's home."""

    signers: Mapping[Issuer, Signer]
    register: Register


def sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    """Sign a certificate with the hash that belongs to the key."""
    return builder.sign(key, for_key(key).digest.hash)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold an authority's lock; raises `HostError` if `state` is not a private directory of this very user."""
    with durable.host_errors(state, "opened"):
        state.mkdir(mode=0o700, exist_ok=True)
        found = state.stat()
        if found.st_uid != os.geteuid():
            raise HostError(f"{state}: belongs to user id {found.st_uid}, not to {os.geteuid()}; run as its owner")
        if found.st_mode & 0o077:
            raise HostError(f"{state}: others may enter; expected mode 0700: chmod 700 {state}")
    with locks.locked(state / "lock"):
        yield


def create_home(config: Config, now: datetime) -> bool:
    """Make root, issuing CA and register; returns False if they are there already. Needs the lock."""
    home, unfinished = config.state / _HOME, config.state / _UNFINISHED
    if home.exists():
        return False
    root = _make_signer(Profile.ROOT, config, config.days.root, None, now)
    issuing = _make_signer(Profile.ISSUING, config, config.days.issuing, root, now)
    with durable.host_errors(unfinished, "made"):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        create_register(unfinished / _REGISTER)
        register = Register(unfinished / _REGISTER)
        for profile, signer in ((Profile.ROOT, root), (Profile.ISSUING, issuing)):
            register.add(Issuer.ROOT, profile, signer.certificate)
            durable.create(unfinished / f"{profile}.key.pem", key_pem(signer.key), durable.SECRET)
            durable.create(unfinished / f"{profile}.pem", signer.pem, durable.SECRET)
        unfinished.rename(home)
        durable.sync_directory(config.state)
    return True


def open_home(config: Config) -> Home:
    """Read an authority; raises `HostError` if there is none, `InputError` if it has another name. Needs the lock."""
    home = config.state / _HOME
    if not home.exists():
        raise HostError(f"{home}: there is no authority yet; run: mecai ca init")
    signers = {issuer: _load_signer(home, issuer) for issuer in Issuer}
    expected, found = f"{config.name} root CA", signers[Issuer.ROOT].certificate.subject.rfc4514_string()
    if found != f"CN={expected}":
        raise InputError(f"name: {config.name!r}, but the authority in {home} is {found!r}; names cannot change")
    return Home(signers, Register(home / _REGISTER))


def _make_signer(profile: Profile, config: Config, days: int, issuer: Signer | None, now: datetime) -> Signer:
    key = make_key()
    order = Order(profile, key.public_key(), (), timedelta(days=days))
    builder = draft(order, config.name, issuer.certificate if issuer else None, config.status_urls, now)
    return Signer(sign(builder, issuer.key if issuer else key), key)


def _load_signer(home: Path, issuer: Issuer) -> Signer:
    (certificate,) = load_certificates(home / f"{issuer}.pem")
    return Signer(certificate, load_key(home / f"{issuer}.key.pem"))
