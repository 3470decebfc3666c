"""Certificates of one server in turn: the one that is live, the next one, and a backup of another CA.

    SLOT/live     -> versions/NAME      what clients are shown: fullchain.pem, privkey.pem
    SLOT/next     -> versions/NAME      shown at another port (docs/spec P4), until it has its vouchers
    SLOT/backup   -> versions/NAME      shown at another port, for the day on which its CA is needed
    SLOT/next.succession                what the live key says of the next certificate (docs/spec H6)

A version never changes: a link is turned from one to another in one step, so that whoever reads finds a chain with its
own key. Whoever calls may read keys, as the TLS server's master does; the sidecar may not.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from mecai.errors import HostError, InputError
from mecai.protocol.objects.succession import Succession
from mecai.protocol.pki.identity import hash_of
from mecai.service.durable import PUBLIC, SECRET, host_errors, replace, sync_directory
from mecai.service.pem import load_certificates, load_key
from mecai.service.regular import read_regular

CHAIN: Final = "fullchain.pem"
KEY: Final = "privkey.pem"
LIVE, NEXT, BACKUP = "live", "next", "backup"
_LARGEST: Final = 256 * 1024  # octets of a file in PEM


@dataclass(frozen=True)
class Slot:
    """The folder of one server's certificates."""

    folder: Path

    def chain(self, link: str) -> Path:
        """Return where the chain of live, next or backup is."""
        return self.folder / link / CHAIN

    def stage(self, chain: Path, key: Path, link: str, now: datetime) -> Path:
        """Lay a certificate and its key as `link`, or as live where there is none; return the link.

        A next one with another key gets its succession from the live one. Raises `InputError`, `HostError`.
        """
        certificate = load_certificates(chain)[0]
        if load_key(key).public_key() != certificate.public_key():
            raise InputError(f"{key}: is not the key of the certificate in {chain}")
        version = self._version(certificate, chain, key)
        if not self.chain(LIVE).exists():
            link = LIVE
        elif link == NEXT:
            self._succeed(certificate, now)
        self._turn(link, version)
        return self.folder / link

    def switch(self, link: str) -> None:
        """Let next or backup be live; what was live is then the backup, or still in its version. Raises `HostError`."""
        live, other = self._target(LIVE), self._target(link)
        self._turn(LIVE, other)
        if link == BACKUP:
            self._turn(BACKUP, live)
        else:
            with host_errors(self.folder / link, "removed"):
                (self.folder / link).unlink(missing_ok=True)

    def restore(self, link: str, live: Path) -> None:
        """Undo `switch`: what was live, `live`, is so again. Raises `HostError`."""
        self._turn(link, self._target(LIVE))
        self._turn(LIVE, live)

    def live(self) -> Path:
        """Return the version that is live; raises `HostError`."""
        return self._target(LIVE)

    def _version(self, certificate: x509.Certificate, chain: Path, key: Path) -> Path:
        """Copy both into a folder of their own, named by the certificate; the key first, and for its owner alone."""
        version = self.folder / "versions" / hash_of(certificate).hex()[:32]
        with host_errors(version, "made"):
            version.mkdir(parents=True, exist_ok=True)
            version.chmod(0o755)
        replace(version / KEY, read_regular(key, _LARGEST), SECRET)
        replace(version / CHAIN, read_regular(chain, _LARGEST), PUBLIC)
        return Path("versions") / version.name

    def _succeed(self, becomes: x509.Certificate, now: datetime) -> None:
        was, key = load_certificates(self.chain(LIVE))[0], load_key(self.folder / LIVE / KEY)
        if hash_of(was) == hash_of(becomes):
            raise InputError(f"{self.folder}: this certificate is live already")
        statement = Succession(hash_of(was), hash_of(becomes), now).sign(key, was)
        replace(self.folder / "next.succession", statement, PUBLIC)

    def _target(self, link: str) -> Path:
        try:
            return (self.folder / link).readlink()
        except OSError as error:
            raise HostError(f"{self.folder / link}: there is none ({error.strerror})") from error

    def _turn(self, link: str, version: Path) -> None:
        """Let a link lead to a version, in one step."""
        new = self.folder / f".{link}.new"
        with host_errors(self.folder / link, "turned"):
            new.unlink(missing_ok=True)
            new.symlink_to(version)
            new.replace(self.folder / link)
            sync_directory(self.folder)
