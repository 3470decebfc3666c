"""The certificate authority of one person's proxy, which his browser is told to trust (ADR 0068).

Its key is made at first start, beside its certificate, and never leaves that folder. What it can certify is as narrow
as such an authority can be: servers, by DNS names alone, with no authority below it; and, where the person says so,
only names of some domains.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mecai.errors import HostError, InputError
from mecai.protocol.pki.keys import PrivateKey, PublicKey
from mecai.protocol.verify.intranet import domain_of
from mecai.service import durable
from mecai.service.pem import key_pem, load_certificates, load_key

KEY_FILE: Final = "ca.key"
CERTIFICATE_FILE: Final = "ca.pem"
LIFE: Final = timedelta(days=365)  # of the authority; then a person decides anew
LEAF_LIFE: Final = timedelta(hours=24)
SKEW: Final = timedelta(hours=1)  # that a browser's clock may be behind
_WRITTEN_BY_OTHERS: Final = 0o022  # chmod(2)
_NO_ADDRESSES: Final = [x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
_SERVERS: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
_USES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class LocalAuthority:
    """Certifies servers for the browser of this person alone."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains below which it certifies; empty: there is no such bound."""
        try:
            constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            return ()
        return tuple(str(each.value) for each in constraints.permitted_subtrees or ())

    def is_for(self, name: str) -> bool:
        """Tell whether browsers would take a certificate of it for a host name."""
        return not self.domains or domain_of(name, self.domains) is not None

    def certify(self, name: str, key: PublicKey, now: datetime) -> x509.Certificate:
        """Return a certificate of one host name, for a day at most and never beyond the authority's own end."""
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        end = min(now + LEAF_LIFE, self.certificate.not_valid_after_utc)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.certificate.public_key())  # type: ignore[arg-type]
        builder = _builder(x509.Name([]), self.certificate.subject, key, (now - SKEW, end))
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(names, critical=True)  # RFC 5280, section 4.2.1.6: the subject is empty
        builder = builder.add_extension(_use("digital_signature"), critical=True)
        return builder.add_extension(issuer, critical=False).sign(self.key, SHA256())


def open_authority(folder: Path, domains: Sequence[str], now: datetime) -> LocalAuthority:
    """Return the authority whose files lie in `folder`, made there at first use; `domains` bound one that is made.

    Raises `HostError` where the files cannot be read or made, or others may read the key or lay another; `InputError`
    where they do not belong together, their time is over, or `domains` are given and are not those of the authority.
    """
    key_file, certificate_file = folder / KEY_FILE, folder / CERTIFICATE_FILE
    with durable.host_errors(folder, "made"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_own(folder, folder.stat())
    _make_once(key_file, lambda: key_pem(ec.generate_private_key(ec.SECP256R1())), durable.SECRET)
    key = load_key(key_file)
    _make_once(certificate_file, lambda: _make(key, domains, now).public_bytes(Encoding.PEM), durable.PUBLIC)
    return _checked(LocalAuthority(key, load_certificates(certificate_file)[0]), certificate_file, domains, now)


def _require_own(folder: Path, found: os.stat_result) -> None:
    """Refuse a folder in which others could lay a key that they know; raises `HostError`."""
    if found.st_uid != os.geteuid() or found.st_mode & _WRITTEN_BY_OTHERS:
        seen = f"it is user {found.st_uid}'s, mode {found.st_mode & 0o777:04o}"
        raise HostError(f"{folder}: others could lay a key there ({seen}); expected a folder of this user's, mode 0700")


def _make_once(file: Path, make: Callable[[], bytes], mode: int) -> None:
    if not file.exists():
        with suppress(InputError):  # another proxy was faster: its file is the file
            durable.create(file, make(), mode)


def _checked(found: LocalAuthority, file: Path, domains: Sequence[str], now: datetime) -> LocalAuthority:
    anew = f"remove {file} and {KEY_FILE} beside it, start again, and let the browser trust the new one in its place"
    if found.certificate.public_key() != found.key.public_key():
        raise InputError(f"{file}: is not of the key beside it; {anew}")
    if not found.certificate.not_valid_before_utc <= now < found.certificate.not_valid_after_utc:
        raise InputError(
            f"{file}: is not valid now, but until {found.certificate.not_valid_after_utc:%Y-%m-%d}; {anew}"
        )
    if domains and set(domains) != set(found.domains):
        bound = ", ".join(found.domains) or "no domains"
        raise InputError(f"{file}: is bound to {bound}, not to {', '.join(domains)}; {anew}")
    return found


def _make(key: PrivateKey, domains: Sequence[str], now: datetime) -> x509.Certificate:
    """Sign the authority's own certificate; its name tells it from any other such authority."""
    name = f"MECAI proxy on this machine, {key_name(key)}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    permitted = [x509.DNSName(domain) for domain in domains] or None
    builder = _builder(subject, subject, key.public_key(), (now - SKEW, now + LIFE))
    for extension in (
        x509.BasicConstraints(ca=True, path_length=0),
        x509.NameConstraints(permitted, _NO_ADDRESSES),
        _use("key_cert_sign"),
    ):
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, SHA256())


def key_name(key: PrivateKey) -> str:
    """Return the 8 digits by which a person tells one authority from another."""
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:8]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, span: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    """Begin a certificate for servers."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(span[0])
        .not_valid_after(span[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_SERVERS, critical=False)
    )


def _use(name: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each == name for each in _USES})
