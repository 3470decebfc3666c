"""What a CA's operator settles, in two files. Every key, with its default where there is one.

`/etc/mecai/ca.toml`, for the user that holds the CA's keys:

    name        = "alder"                        # in the names of its certificates and in the directory
    owner_group = "alder"                        # all CAs and VAs under one owner
    region      = "north"
    ocsp_url    = "http://ocsp.alder.test"       # goes into certificates; optional for a CA that does not vouch
    vas_url     = "https://vas.alder.test"       # optional: goes into the directory; without, it does not vouch
    mail        = "notary@alder.test"            # optional: whose mail the VA sends; goes into the directory
    root        = "5d9b...c2"                    # optional: SHA-256 of the root; no other authority is opened or made
    crl_url     = "http://ocsp.alder.test/crl"   # optional: CRLs are published, and certificates point to them
    publish_crls = false                         # publish them in any case: who is to know brings them along (ADR 0057)
    state       = "/var/lib/mecai-ca"            # 0700, the CA user's own
    public      = "/var/lib/mecai-ca-public"     # 0755: certificates, status, CRLs; no secret
    database    = "postgresql+psycopg://..."     # optional: the register, which is else an SQLite file in `state`
    ca_keys     = ["77f1...0a"]                  # SHA-256 over the SubjectPublicKeyInfo of CAs of this owner whose keys
                                                 # are not kept here: the directory lists them with him, too (D5)
    report_key  = "MFkwEwYH..."                  # optional: `mecai vas report-key` prints it; goes into the directory

    [days]                                       # lifetimes
    root = 3650
    issuing = 1825
    server = 90
    client = 90
    va = 365
    mail = 365
    ocsp = 90
    crl = 7                                      # 10 at most where certificates point to them

`/etc/mecai/ocsp.toml`, for the OCSP responder's user:

    public         = "/var/lib/mecai-ca-public"
    validity_hours = 24                          # of an answer, 1 to 48

    [[delegate]]                                 # one for each issuer
    key         = "/var/lib/mecai-ocsp/root.key.pem"
    certificate = "/var/lib/mecai-ocsp/root.pem"
"""

import re
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mecai.errors import InputError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.mail_addresses import mail_address
from mecai.service.database_url import is_server, require_guarded

_NAME: Final = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9 .-]{0,38}[A-Za-z0-9])?"
)  # leaves room in a common name of 64 characters
_TOKEN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FINGERPRINT: Final = re.compile(r"[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}")  # with colons, as openssl shows it
_BASE64: Final = re.compile(r"(?=.)([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==|[A-Za-z0-9+/]=))?")
_SPKI_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}")

# The longest lifetimes, in days.
LONGEST: Final = {
    "root": 9132,  # 25 years: Baseline Requirements, section 6.3.2
    "issuing": 3653,
    "server": 200,  # Baseline Requirements, section 6.3.2, since March 2026
    "client": 398,
    "va": 365,  # docs/spec, K2
    "mail": 825,  # S/MIME Baseline Requirements, section 6.3.2
    "ocsp": 398,
    "crl": 398,  # as what it is about
}
_POINTED_TO: Final = 10  # days of a CRL that certificates point to: Baseline Requirements, section 4.9.7


@dataclass(frozen=True)
class StatusUrls:
    """Where the status of certificates is asked; `crl` is a folder. None where there is no responder, or no CRL."""

    ocsp: str | None = None
    crl: str | None = None


@dataclass(frozen=True)
class Days:
    """Lifetimes in days."""

    root: int = 3650
    issuing: int = 1825
    server: int = 90
    client: int = 90
    va: int = 365
    mail: int = 365
    ocsp: int = 90
    crl: int = 7

    def __post_init__(self) -> None:
        for each in fields(self):
            check_days(f"days.{each.name}", each.name, getattr(self, each.name))


@dataclass(frozen=True)
class AuthorityConfig:
    """Every key of `ca.toml`."""

    name: str
    owner_group: str
    region: str
    ocsp_url: str | None = None
    vas_url: str | None = None
    mail: str | None = None
    root: str | None = None
    crl_url: str | None = None
    publish_crls: bool = False
    state: Path = Path("/var/lib/mecai-ca")
    public: Path = Path("/var/lib/mecai-ca-public")
    database: str | None = None
    ca_keys: tuple[str, ...] = ()
    report_key: str | None = None
    days: Days = field(default_factory=Days)

    def __post_init__(self) -> None:
        _require_match("name", self.name, _NAME, "1 to 40 letters, digits, spaces, dots or hyphens")
        for key in ("owner_group", "region"):
            _require_match(key, getattr(self, key), _TOKEN, "1 to 32 lower-case letters, digits or hyphens")
        for key, scheme in (("ocsp_url", "http"), ("vas_url", "https"), ("crl_url", "http")):
            if (url := getattr(self, key)) is not None:
                _require_url(key, url, scheme)
        lasts = self.crl_url is None or self.days.crl <= _POINTED_TO
        _require(lasts, f"days.crl: {self.days.crl} is outside 1..{_POINTED_TO}, where certificates point to it")
        responds = self.ocsp_url is not None
        _require(responds or self.vas_url is None, "ocsp_url: missing; who vouches is asked for its own status, too")
        if self.mail is not None:
            try:
                mail_address(self.mail)
            except InputError as error:
                raise ValueError(f"mail: {error}") from error
        if self.root is not None:
            expected = "64 hexadecimal digits, as `mecai ca init` prints them"
            _require_match("root", self.root, _FINGERPRINT, expected)
        if self.database is not None:  # not shown: it may hold a password
            good = is_server(self.database)
            _require(good, "database: expected postgresql+psycopg://USER@HOST/NAME, or none for a file in `state`")
            require_guarded(self.database)
        if self.report_key is not None:
            _require_match("report_key", self.report_key, _BASE64, "base64, as `mecai vas report-key` prints it")
        for text in self.ca_keys:
            _require_match("ca_keys", text, _SPKI_HASH, "64 hexadecimal digits: SHA-256 of a SubjectPublicKeyInfo")

    @property
    def keys_elsewhere(self) -> frozenset[bytes]:
        """SPKI hashes of the owner's CA keys that are not kept here, whoever certified them."""
        return frozenset(map(bytes.fromhex, self.ca_keys))

    @property
    def lists_revoked(self) -> bool:
        """Whether CRLs are published."""
        return self.publish_crls or self.crl_url is not None

    @property
    def root_hash(self) -> bytes | None:
        """SHA-256 over the DER of the only root that may be used, if one is pinned."""
        return None if self.root is None else bytes.fromhex(self.root.replace(":", ""))

    @property
    def status_urls(self) -> StatusUrls:
        """Where certificates say that their status is asked."""
        return StatusUrls(self.ocsp_url, self.crl_url)


@dataclass(frozen=True)
class DelegateFiles:
    """Where the key and the certificate of one delegated responder lie."""

    key: Path
    certificate: Path


@dataclass(frozen=True)
class ResponderConfig:
    """Every key of `ocsp.toml`."""

    delegates: tuple[DelegateFiles, ...] = field(metadata={"key": "delegate"})
    public: Path = Path("/var/lib/mecai-ca-public")
    validity_hours: int = 24

    def __post_init__(self) -> None:
        _require(bool(self.delegates), "delegate: none given; expected one [[delegate]] for each issuer")
        longest = LIMITS.authority_status_lifetime // timedelta(hours=1)
        range_ = f"validity_hours: {self.validity_hours} is outside 1..{longest}"
        _require(1 <= self.validity_hours <= longest, range_)

    @property
    def validity(self) -> timedelta:
        """How long an answer may be relied on."""
        return timedelta(hours=self.validity_hours)


def check_days(key: str, kind: str, days: int) -> None:
    """Refuse a lifetime of `kind` outside its limits; raises `ValueError` that names `key`."""
    _require(1 <= days <= LONGEST[kind], f"{key}: {days} is outside 1..{LONGEST[kind]}")


def _require(condition: bool, line: str) -> None:
    if not condition:
        raise ValueError(line)


def _require_match(key: str, text: str, pattern: re.Pattern[str], expected: str) -> None:
    _require(bool(pattern.fullmatch(text)), f"{key}: {text!r}; expected {expected}")


def _require_url(key: str, text: str, scheme: str) -> None:
    parts = urlsplit(text)
    good = parts.scheme == scheme and parts.hostname and not parts.query and not parts.fragment
    _require(bool(good), f"{key}: {text!r}; expected {scheme}://HOST with a path at most")
