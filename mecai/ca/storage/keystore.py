"""An authority's keys on disk, and the lock that puts its writers in a row.

    STATE/lock, STATE/turn         taken while something is issued, revoked or published
    STATE/authority/root.key.pem   0600; likewise issuing.key.pem
    STATE/authority/root.pem       likewise issuing.pem
    STATE/authority/register.db    every certificate that was signed, unless the configuration names a database

One user owns all of it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.storage.records import Issuer
from mecai.errors import HostError
from mecai.protocol.pki.keys import PrivateKey
from mecai.service import durable, locks
from mecai.service.pem import key_pem, load_certificates, load_key


@dataclass(frozen=True)
class CaCredential:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


Keystore = Mapping[Issuer, CaCredential]


def home_of(state: Path) -> Path:
    """Return the folder that is there as soon as the authority is."""
    return state / "authority"


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Be the only writer; raises `HostError` if `state` is no private directory of this very user, or is not there.

    Whoever waits holds the turn meanwhile, so that one who publishes much cannot take the lock again at once.
    """
    with durable.host_errors(state, "opened"):
        if not state.exists():
            raise no_authority(state)
        _require_private(state)
    with ExitStack() as held:
        with locks.locked(state / "turn"):
            held.enter_context(locks.locked(state / "lock"))
        yield


def write_keystore(folder: Path, keystore: Keystore) -> None:
    """Write the keys and certificates of a new authority."""
    for issuer, credential in keystore.items():
        durable.create(folder / f"{issuer}.key.pem", key_pem(credential.key), durable.SECRET)
        durable.create(folder / f"{issuer}.pem", credential.pem, durable.SECRET)


def read_keystore(state: Path) -> Keystore:
    """Read the keys and certificates of an authority; raises `HostError` if there is none."""
    home = home_of(state)
    if not home.exists():
        raise no_authority(home)
    return {issuer: _read_credential(home, issuer) for issuer in Issuer}


def no_authority(place: Path) -> HostError:
    """Return the error that says so, and what to do."""
    remedy = "mount or restore its folder, or make a new one with a new root: mecai ca init"
    return HostError(f"{place}: there is no authority; {remedy}")


def _read_credential(home: Path, issuer: Issuer) -> CaCredential:
    (certificate,) = load_certificates(home / f"{issuer}.pem")
    return CaCredential(certificate, load_key(home / f"{issuer}.key.pem"))


def _require_private(state: Path) -> None:
    found = state.stat()
    if found.st_uid != os.geteuid():
        raise HostError(f"{state}: belongs to user id {found.st_uid}, not to {os.geteuid()}; run as its owner")
    if found.st_mode & 0o077:
        raise HostError(f"{state}: others may enter; expected mode 0700: chmod 700 {state}")
