"""Certificates of one server in turn: the live one, the next one, a backup of another CA, and the one before.

    SLOT/live, next, backup, former  -> now/...            what a TLS server names; each leads to live where it has none
    SLOT/live.succession, next.succession                  what the key before says of a certificate (docs/spec H6)
    SLOT/now                         -> generations/N      which version each of the four is, turned in one rename
    SLOT/versions/NAME/              fullchain.pem, privkey.pem (0600), succession

A chain and its key never change, and whoever reads both by one link finds a pair. Folders are 0755 whatever the umask,
so that the sidecar's user comes to the chains. Whoever calls may read keys, as the TLS server's master does; the
sidecar may not. What is staged and turned is so under a lock (`held`).
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from mecai.errors import HostError, InputError
from mecai.protocol.objects.succession import Succession
from mecai.protocol.pki.identity import hash_of
from mecai.protocol.pki.keys import PrivateKey
from mecai.service import durable
from mecai.service.durable import PUBLIC, SECRET, host_errors, sync_directory
from mecai.service.locks import locked
from mecai.service.pem import certificates_in, key_pem, load_certificates, load_key
from mecai.service.regular import read_regular

CHAIN: Final = "fullchain.pem"
KEY: Final = "privkey.pem"
SUCCESSION: Final = "succession"
LIVE, NEXT, BACKUP, FORMER = LINKS = ("live", "next", "backup", "former")
_LARGEST: Final = 256 * 1024  # octets of a file in PEM
_FOLDER: Final = 0o755
_OTHERS: Final = 0o022  # a folder that they may write in is not one for keys
_PATIENCE: Final = 300.0  # seconds for another run: a reload, one more if it fails, a look at its vouchers
_VERSION: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Pair:
    """A certificate with its intermediates, as they are in a file, and its key."""

    certificate: x509.Certificate
    chain: bytes
    key: PrivateKey

    @property
    def version(self) -> str:
        """Return the name of its folder."""
        return hash_of(self.certificate).hex()[:32]


def read_pair(chain: Path, key: Path) -> Pair:
    """Read both files once; raises `HostError`, and `InputError` where they do not belong together."""
    pem, private = read_regular(chain, _LARGEST), load_key(key)
    certificate = certificates_in(pem, chain)[0]
    if private.public_key() != certificate.public_key():
        raise InputError(f"{key}: is not the key of the certificate in {chain}")
    return Pair(certificate, pem, private)


@dataclass(frozen=True)
class Turn:
    """Which version is live, next, backup and former; None where there is none of its own."""

    live: str
    next: str | None = None
    backup: str | None = None
    former: str | None = None

    def promoted(self) -> "Turn":
        """Return the turn in which the next one is live."""
        return self if self.next is None else replace(self, live=self.next, next=None, former=self.live)

    def failed_over(self) -> "Turn":
        """Return the turn in which live and backup are exchanged."""
        return self if self.backup is None else replace(self, live=self.backup, backup=self.live)

    def link(self, version: str) -> str:
        """Return as which a version was laid."""
        return next(link for link in (LIVE, NEXT, BACKUP, FORMER) if self.version(link) == version)

    def version(self, link: str) -> str:
        """Return where a link leads."""
        return {NEXT: self.next, BACKUP: self.backup, FORMER: self.former}.get(link) or self.live


@dataclass(frozen=True)
class Slot:
    """The folder of one server's certificates. To read a turn, to `lay`, `go` and `tidy` is for whoever holds it."""

    folder: Path

    @property
    def owed(self) -> Path:
        """The mark of a reload that has not succeeded yet (`mecai.sidecar.hooks`)."""
        return self.folder / "reload.owed"

    def chain(self, link: str) -> Path:
        """Return where the chain of live, next or backup is."""
        return self.folder / link / CHAIN

    def make(self) -> None:
        """Make the folder if need be, and let nobody else write in it; raises `HostError`."""
        with host_errors(self.folder, "made"):
            _make(self.folder)
            self.folder.chmod(self.folder.stat().st_mode & 0o777 & ~_OTHERS)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the slot for this process, and finish what one that was killed began; raises `HostError`."""
        if not self.folder.is_dir():
            raise HostError(f"{self.folder}: there is no slot; lay its first certificate: mecai sidecar stage")
        with locked(self.folder / "lock", _PATIENCE):
            if os.path.lexists(self.folder / "now"):
                self._link()
            yield

    def turn(self) -> Turn | None:
        """Return which version is which; None for a slot in which nothing is live."""
        live = self._version_of(LIVE)
        if live is None:
            return None
        others = {link: version for link in (NEXT, BACKUP, FORMER) if (version := self._version_of(link)) != live}
        return Turn(live, **others)

    def leads_to(self, version: str) -> bool:
        """Return whether a version is live, next, backup or former."""
        turn = self.turn()
        return turn is not None and version in {turn.version(link) for link in LINKS}

    def lay(self, pair: Pair, link: str, now: datetime) -> Turn:
        """Write a certificate to be the next or the backup, or live where nothing is; return the turn to `go` to.

        A next one gets its succession from the live key. Raises `InputError` for what is live already, `HostError`.
        """
        before = self.turn()
        if before is None:
            self._write(pair, None)
            return Turn(pair.version)
        if before.live == pair.version:
            raise InputError(f"{self.folder}: this certificate is live already")
        self._write(pair, self._succeed(before.live, pair, now) if link == NEXT else None)
        return replace(before, **{link: pair.version})

    def go(self, turn: Turn) -> None:
        """Let every link lead where `turn` says, all in one step; raises `HostError`."""
        with host_errors(self.folder / "now", "turned"):
            folder = self.folder / "generations" / str(self._generation() + 1)
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
            _make(folder)
            for link in LINKS:
                (folder / link).symlink_to(Path("..", "..", "versions", turn.version(link)))
            sync_directory(folder)
            sync_directory(folder.parent)
            self._point("now", Path("generations", folder.name))
            self._link()

    def tidy(self) -> None:
        """Remove the versions, with their keys, to which no link leads any more; raises `HostError`."""
        turn = self.turn()
        kept = {turn.version(link) for link in LINKS} if turn else set()
        with host_errors(self.folder, "tidied"):
            for version in (self.folder / "versions").iterdir():
                if _VERSION.fullmatch(version.name) and version.name not in kept:
                    (version / KEY).unlink(missing_ok=True)
                    shutil.rmtree(version)
            for generation in (self.folder / "generations").iterdir():
                # The one before stays: somebody may be on the way through it.
                if generation.name.isdigit() and int(generation.name) < self._generation() - 1:
                    shutil.rmtree(generation)

    def _write(self, pair: Pair, succession: bytes | None) -> None:
        """Write a version, the key first, and for its owner alone."""
        version = self.folder / "versions" / pair.version
        with host_errors(version, "made"):
            _make(version)
        durable.replace(version / KEY, key_pem(pair.key), SECRET)
        durable.replace(version / CHAIN, pair.chain, PUBLIC)
        if succession:
            durable.replace(version / SUCCESSION, succession, PUBLIC)

    def _succeed(self, live: str, pair: Pair, now: datetime) -> bytes:
        folder = self.folder / "versions" / live
        was, key = load_certificates(folder / CHAIN)[0], load_key(folder / KEY)
        return Succession(hash_of(was), hash_of(pair.certificate), now).sign(key, was)

    def _version_of(self, link: str) -> str | None:
        """Return where a link leads, in one look; None where that is no version."""
        now = self.folder / "now"
        target = Path(os.path.realpath((now if os.path.lexists(now) else self.folder) / link))
        inside = target.parent == Path(os.path.realpath(self.folder / "versions"))
        return target.name if inside and (target / CHAIN).exists() else None

    def _generation(self) -> int:
        try:
            return int((self.folder / "now").readlink().name)
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise HostError(f"{self.folder / 'now'}: is no link of a slot; move it away") from error

    def _link(self) -> None:
        """Lay the links that a TLS server and a sidecar name, as far as they are not there."""
        for link in LINKS:
            self._point(link, Path("now", link))
        for link in (LIVE, NEXT):
            self._point(f"{link}.{SUCCESSION}", Path(link, SUCCESSION))

    def _point(self, name: str, target: Path) -> None:
        """Let a link of the slot lead to `target`, in one step."""
        link, new = self.folder / name, self.folder / f".{name}.new"
        with host_errors(link, "turned"):
            if link.is_symlink() and link.readlink() == target:
                return
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(link)
            sync_directory(self.folder)


def _make(folder: Path) -> None:
    """Make a folder, and those above it, for all to pass, whatever the umask."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir()
    folder.chmod(_FOLDER)
