"""A PKCS #11 token of softhsm2 in a folder of its own, and the ways in which OpenSSL reaches a key in it."""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.patience import SECONDS
from tests.pki import Issued

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN: Final = "1234"
LABEL: Final = "mecai"
_UTF8_STRING, _VISIBLE_STRING, _SEQUENCE = 0x0C, 0x1A, 0x30
# Of OpenSSL (config(5)): what a program that only loads a key does not say.
_ENGINE: Final = """
openssl_conf = start
[start]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
dynamic_path = {library}
MODULE_PATH = {module}
init = 1
"""
_PROVIDER: Final = """
openssl_conf = start
[start]
providers = providers
[providers]
default = own
pkcs11 = pkcs11
[own]
activate = 1
[pkcs11]
module = {library}
pkcs11-module-path = {module}
pkcs11-module-quirks = no-deinit
pkcs11-module-token-pin = {pin}
activate = 1
"""


def openssl_folder(option: str) -> Path:
    """Return where OpenSSL keeps its engines (`-e`) or its providers (`-m`)."""
    done = subprocess.run(["openssl", "version", option], capture_output=True, check=True, timeout=SECONDS, text=True)
    return Path(done.stdout.partition('"')[2].rpartition('"')[0])


def engine() -> Path:
    """Return the engine, whether it is installed or not."""
    return openssl_folder("-e") / "pkcs11.so"


def provider() -> Path:
    """Return the provider, whether it is installed or not."""
    return openssl_folder("-m") / "pkcs11.so"


@dataclass(frozen=True)
class Token:
    """A token in a folder; keys come in from memory, and no file has them."""

    home: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a program that opens it."""
        return {"SOFTHSM2_CONF": f"{self.home}/softhsm2.conf", "OPENSSL_CONF": f"{self.home}/openssl.cnf"}

    def make(self) -> None:
        """Make it, empty."""
        (self.home / "tokens").mkdir(parents=True)
        (self.home / "softhsm2.conf").write_text(f"directories.tokendir = {self.home}/tokens\n")
        self._run("--init-token", "--free", "--label", LABEL, "--so-pin", PIN, "--pin", PIN)

    def by_engine(self) -> None:
        """Let OpenSSL reach it by an engine."""
        self._configure(_ENGINE, engine())

    def by_provider(self) -> None:
        """Let OpenSSL reach it by a provider."""
        self._configure(_PROVIDER, provider())

    def _configure(self, text: str, library: Path) -> None:
        (self.home / "openssl.cnf").write_text(text.format(library=library, module=MODULE, pin=PIN))

    def take(self, site: Issued, name: str) -> str:
        """Take a site's key; return its URI, with the PIN."""
        file = self.home / "key.pem"
        file.write_bytes(site.key_pem)
        self._run("--import", str(file), "--token", LABEL, "--label", name, "--id", name.encode().hex(), "--pin", PIN)
        file.unlink()
        return f"pkcs11:token={LABEL};object={name};type=private?pin-value={PIN}"

    def pointer(self, uri: str) -> bytes:
        """Return the PEM file that says where the key is, for programs that know files alone."""
        text = _der(_VISIBLE_STRING, b"PKCS#11 Provider URI v1.0") + _der(_UTF8_STRING, uri.encode())
        lines = base64.encodebytes(_der(_SEQUENCE, text))
        return b"-----BEGIN PKCS#11 PROVIDER URI-----\n" + lines + b"-----END PKCS#11 PROVIDER URI-----\n"

    def _run(self, *arguments: str) -> None:
        variables = {"SOFTHSM2_CONF": self.variables["SOFTHSM2_CONF"]}
        subprocess.run(["softhsm2-util", *arguments], env=variables, capture_output=True, check=True, timeout=SECONDS)


def _der(tag: int, content: bytes) -> bytes:
    assert len(content) < 0x80, "a length of one octet"
    return bytes([tag, len(content)]) + content
