"""What an authority tells the world: its certificates, the status of what they signed, its CRLs.

All of it lies in the public directory, each file renamed into place, for the OCSP responder and a web server to read.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from mecai.ca.authority.profiles import Issuer, crl_name
from mecai.ca.config import Config
from mecai.ca.repository.single_response import SHA1, Answer, IssuerId
from mecai.ca.repository.status import Status, StatusFile, encode_statuses
from mecai.ca.storage.keystore import Home, Signer
from mecai.ca.storage.register import Entry, Revocation
from mecai.errors import HostError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.algorithms import for_key
from mecai.protocol.pki.identity import spki_hash
from mecai.service import durable

STATUS_NAME: Final = "status.json"
RETENTION: Final = timedelta(days=30)  # how long the status of an expired certificate is still told
ANSWER_LIFE: Final = LIMITS.authority_status_lifetime
ANSWER_RENEWAL: Final = timedelta(hours=12)  # the age at which publishing signs an answer anew


class Publication:
    """The public directory of an authority."""

    def __init__(self, config: Config, home: Home) -> None:
        self._config = config
        self._home = home
        self._status_path = config.public / STATUS_NAME

    def is_complete(self) -> bool:
        """Tell whether every file that the configuration asks for is there."""
        names = [STATUS_NAME, *(f"{issuer}.pem" for issuer in Issuer)]
        if self._config.crl_url is not None:
            names += [crl_name(issuer) for issuer in Issuer]
        return all((self._config.public / name).exists() for name in names)

    def publish(self, now: datetime) -> None:
        """Publish certificates, status, and new CRLs where the configuration asks for them."""
        self.publish_status(now)
        if self._config.crl_url is None:
            return
        current = self._current(now)
        number = self._home.register.next_crl_number()
        life = timedelta(days=self._config.days.crl)
        for issuer, signer in self._home.signers.items():
            crl = _sign_crl(signer, current[issuer], number, now, life)
            durable.replace(self._config.public / crl_name(issuer), crl, durable.PUBLIC)

    def publish_status(self, now: datetime) -> None:
        """Publish the CA certificates and the status of what they signed."""
        if not self._config.public.exists():
            with durable.host_errors(self._config.public, "made"):
                self._config.public.mkdir()
                self._config.public.chmod(0o755)
        published, current = StatusFile(self._status_path), self._current(now)
        statuses = {}
        for issuer, signer in self._home.signers.items():
            durable.replace(self._config.public / f"{issuer}.pem", signer.pem, durable.PUBLIC)
            certificates = {entry.serial: _status(entry, signer, published, now) for entry in current[issuer]}
            statuses[spki_hash(signer.certificate)] = certificates
        durable.replace(self._status_path, encode_statuses(statuses), durable.PUBLIC)

    def _current(self, now: datetime) -> Mapping[Issuer, list[Entry]]:
        """Return the certificates whose status is still told, by their issuer."""
        current: dict[Issuer, list[Entry]] = {issuer: [] for issuer in Issuer}
        for entry in self._home.register.entries():
            if now < entry.certificate.not_valid_after_utc + RETENTION:
                current[entry.issuer].append(entry)
        return current


def _status(entry: Entry, signer: Signer, published: StatusFile, now: datetime) -> Status:
    """Return the status of a certificate; an answer that was published and is young enough stays as it is."""
    if entry.revocation:
        return Status(issued=True, revocation=entry.revocation)
    serial = entry.certificate.serial_number
    try:
        answer = published.look_up(spki_hash(signer.certificate), serial).answer
    except HostError:
        answer = None  # nothing published yet, or damaged: published anew below
    if answer is None or _age(answer, now) >= ANSWER_RENEWAL:
        issuer = IssuerId.of(entry.certificate, signer.certificate, SHA1)
        fresh = Answer(issuer, serial, issued=True, revocation=None, this_update=now, next_update=now + ANSWER_LIFE)
        answer = fresh.sign(signer.key, signer.certificate, delegated=False)
    return Status(issued=True, answer=answer)


def _age(answer: bytes, now: datetime) -> timedelta:
    return now - ocsp.load_der_ocsp_response(answer).this_update_utc


def _sign_crl(signer: Signer, entries: list[Entry], number: int, now: datetime, life: timedelta) -> bytes:
    """Return the DER CRL (RFC 5280 section 5), complete and direct, over those entries that are revoked."""
    identifier = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(now)
        .next_update(now + life)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    for entry in entries:
        if entry.revocation:
            builder = builder.add_revoked_certificate(_revoked(entry.certificate.serial_number, entry.revocation))
    return builder.sign(signer.key, for_key(signer.key).digest.hash).public_bytes(Encoding.DER)


def _revoked(serial: int, revocation: Revocation) -> x509.RevokedCertificate:
    """Return one line of the list; `unspecified` is said by silence (RFC 5280 section 5.3.1)."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revocation.time)
    if revocation.reason is not x509.ReasonFlags.unspecified:
        builder = builder.add_extension(x509.CRLReason(revocation.reason), critical=False)
    return builder.build()
