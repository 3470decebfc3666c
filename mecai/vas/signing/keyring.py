"""The signer's keys: the one that lies in its files, and the one before."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from mecai.protocol.pki.identity import hash_of
from mecai.vas.signing.credential import Credential, load_credential

PAUSE: Final = 1.0  # seconds between two looks at the files


class Keyring:
    """Keys by the SHA-256 of their certificates, two at most.

    A certificate that is asked for and not known is looked for in the files: so another key (`mecai vas rollover`)
    needs no word to the signer. The former one stays until the next, for servers that have not been reloaded.
    """

    def __init__(self, key: Path, certificate: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the files; raises `HostError` or `InputError`."""
        self._paths = key, certificate
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[bytes, Credential] = {}
        self._read()

    def of(self, certificate: bytes) -> Credential:
        """Return the credential of a certificate; raises `HostError` where this is not the signer's."""
        with self._lock:
            if certificate not in self._kept and self._clock() - self._looked >= PAUSE:
                self._read()
            if (found := self._kept.get(certificate)) is None:
                raise HostError(f"{certificate.hex()}: is not the certificate in {self._paths[1]}")
            return found

    def _read(self) -> None:
        self._looked = self._clock()
        credential = load_credential(*self._paths)
        others = [each for each in self._kept.values() if each.certificate != credential.certificate]
        self._kept = {hash_of(each.certificate): each for each in (*others[-1:], credential)}
