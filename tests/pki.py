"""A small public key infrastructure for tests: deterministic, in memory, with the clock as an argument.

Keys are derived from names, serial numbers from contents, ECDSA signatures are deterministic (RFC 6979), so that the
same certificate has the same bytes in every run. Not for use outside tests: anyone can compute these keys.

    from tests.pki import NOW, Hierarchy

    alder = Hierarchy("alder")                      # root, issuing CA, VA certificate, all P-256, valid around NOW
    site = alder.server("www.example.test")         # end entity: .certificate, .key, .der, .pem, .key_pem
    chain = [site.certificate, alder.issuing.certificate]
    good = alder.ocsp(site)                         # DER OCSPResponse, signed by the issuer itself
    gone = alder.ocsp(site, status="revoked")
    odd = alder.ocsp(site, delegate=True)           # signed by a delegated responder, its certificate inside
    alder.ocsp(alder.issuing); alder.ocsp(alder.voucher)      # by the root
    rogue = birch.server("www.example.test", server_key=key("rogue"), days=1)

`Issued.chain_pem` is what a TLS server reads (leaf first, no root).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from ipaddress import ip_address
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from mecai.protocol.oids import ID_KP_VOUCHER_SIGNING

NOW = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Status = Literal["good", "revoked", "unknown"]
VOUCHER_SIGNING = x509.ObjectIdentifier(ID_KP_VOUCHER_SIGNING)
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING
_STATUSES = {
    "good": ocsp.OCSPCertStatus.GOOD,
    "revoked": ocsp.OCSPCertStatus.REVOKED,
    "unknown": ocsp.OCSPCertStatus.UNKNOWN,
}


@cache
def key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """Return the elliptic-curve key that belongs to a name: always the same."""
    secret = int.from_bytes(hashlib.sha384(f"{name}/{curve.name}".encode()).digest()) % (1 << 255)
    return ec.derive_private_key(secret, curve())


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return an RSA key for a name: the same within one run only."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and the certificates between it and the root."""

    certificate: x509.Certificate
    key: Key
    issuer: "Issued | None" = field(default=None, repr=False)

    @property
    def der(self) -> bytes:
        """The DER certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The PEM certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The PEM PKCS #8 key, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """This certificate and its issuers, root left out."""
        if self.issuer is None:
            return ()
        return (self.certificate, *self.issuer.chain)

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        """The chain as DER, end entity first, root left out."""
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in self.chain)

    @property
    def chain_pem(self) -> bytes:
        """The chain as PEM, end entity first, root left out."""
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.chain)


def name(common_name: str) -> x509.Name:
    """Return a distinguished name of one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def issue(
    subject: str,
    subject_key: Key,
    issuer: Issued | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    *,
    span: tuple[datetime, datetime],
    serial: int | None = None,
) -> Issued:
    """Sign one certificate; `issuer` None makes it self-signed. Subject and authority key identifiers are added."""
    signing = issuer.key if issuer else subject_key
    public = subject_key.public_key()
    label = f"{subject}/{issuer.certificate.subject if issuer else ''}/{span[1]}"
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.certificate.subject if issuer else name(subject))
        .public_key(public)
        .serial_number(serial or int.from_bytes(hashlib.sha256(label.encode()).digest()[:8]) >> 1)
        .not_valid_before(span[0])
        .not_valid_after(span[1])
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return Issued(
        builder.sign(signing, digest(signing), ecdsa_deterministic=_deterministic(signing)), subject_key, issuer
    )


def digest(signing: Key) -> hashes.SHA256 | hashes.SHA384:
    """Return the hash that goes with a key: SHA-384 for P-384, else SHA-256."""
    return hashes.SHA384() if signing.key_size == 384 else hashes.SHA256()


def _deterministic(signing: Key) -> bool | None:
    return True if isinstance(signing, ec.EllipticCurvePrivateKey) else None


def key_usage(*names: str) -> tuple[x509.KeyUsage, bool]:
    """Return a critical keyUsage with the named bits."""
    low = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    high = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{bit: bit in names for bit in (*low, *high)}), True


def ca_extensions(public: Key, path_length: int | None) -> list[tuple[x509.ExtensionType, bool]]:
    """Return what makes a certificate a CA's."""
    return [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        key_usage("key_cert_sign", "crl_sign", "digital_signature"),
        (x509.SubjectKeyIdentifier.from_public_key(public.public_key()), False),
    ]


def leaf_extensions(
    purpose: x509.ObjectIdentifier,
    names: Sequence[str] = (),
    *,
    critical_purpose: bool = False,
    ocsp_url: str | None = None,
) -> list[tuple[x509.ExtensionType, bool]]:
    """Return what an end entity of one extended key usage carries; a responder of OCSP, nocheck besides (E3)."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        key_usage("digital_signature"),
        (x509.ExtendedKeyUsage([purpose]), critical_purpose),
    ]
    if purpose == OCSP_SIGNING:
        extensions.append((x509.OCSPNoCheck(), False))
    if names:
        extensions.append((x509.SubjectAlternativeName([general_name(text) for text in names]), False))
    if ocsp_url:
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url))
        extensions.append((x509.AuthorityInformationAccess([access]), False))
    return extensions


def general_name(text: str) -> x509.GeneralName:
    """Return a DNS name, or an IP address where the text is one."""
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@dataclass(frozen=True)
class Hierarchy:
    """One CA: root, issuing CA, Voucher Authority, delegated OCSP responders; everything made on first use."""

    name: str
    now: datetime = NOW

    def _span(self, days: float) -> tuple[datetime, datetime]:
        return self.now - DAY, self.now + timedelta(days=days)

    @property
    def ocsp_url(self) -> str:
        """Where this CA's OCSP responder would be."""
        return f"http://ocsp.{self.name}.test/"

    @cached_property
    def root(self) -> Issued:
        """The self-signed root."""
        root_key = key(f"{self.name} root")
        return issue(f"{self.name} root", root_key, None, ca_extensions(root_key, None), span=self._span(3650))

    @cached_property
    def issuing(self) -> Issued:
        """The CA under the root that issues server certificates."""
        return self.subordinate("issuing CA", self.root)

    def subordinate(self, label: str, parent: Issued, path_length: int | None = 0) -> Issued:
        """Issue a CA certificate under `parent`."""
        sub_key = key(f"{self.name} {label}")
        extensions = ca_extensions(sub_key, path_length)
        return issue(f"{self.name} {label}", sub_key, parent, extensions, span=self._span(1825))

    def cross_sign(self, other: "Hierarchy") -> Issued:
        """Certify the root key of another CA by this root: one more certificate of the same name and key."""
        extensions = ca_extensions(other.root.key, None)
        return issue(f"{other.name} root", other.root.key, self.root, extensions, span=self._span(1825))

    def server(
        self, *names: str, server_key: Key | None = None, days: float = 90, parent: Issued | None = None
    ) -> Issued:
        """Issue a TLS server certificate for DNS names or IP addresses, under the issuing CA unless told."""
        extensions = leaf_extensions(SERVER_AUTH, names, ocsp_url=self.ocsp_url)
        signer = parent or self.issuing
        return issue(names[0], server_key or key(names[0]), signer, extensions, span=self._span(days))

    @cached_property
    def voucher(self) -> Issued:
        """The Voucher Authority's certificate, issued by the root."""
        va_key = key(f"{self.name} voucher authority")
        return issue(f"{self.name} VA", va_key, self.root, self.voucher_extensions(), span=self._span(364))

    def voucher_extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        """Return the profile of a Voucher Authority's certificate."""
        names = [f"vas.{self.name}.test"]
        return leaf_extensions(VOUCHER_SIGNING, names, critical_purpose=True, ocsp_url=self.ocsp_url)

    def responder(self, parent: Issued, days: float = 30, responder_key: Key | None = None) -> Issued:
        """Issue a delegated OCSP responder's certificate (RFC 6960 section 4.2.2.2) under `parent`."""
        label = f"OCSP of {parent.certificate.subject.rfc4514_string()}"
        made = responder_key or key(f"{self.name} {label}")
        return issue(label, made, parent, leaf_extensions(OCSP_SIGNING), span=self._span(days))

    def ocsp(
        self,
        subject: Issued,
        status: Status = "good",
        *,
        this_update: datetime | None = None,
        next_update: datetime | None = None,
        delegate: bool = False,
        responder: Issued | None = None,
        algorithm: hashes.HashAlgorithm | None = None,
        nonce: bytes = b"",
        endless: bool = False,
    ) -> bytes:
        """Return the DER OCSPResponse for a certificate, by its issuer or a delegate (its certificate added).

        `endless` leaves nextUpdate out.

        `producedAt` is the real clock's and the signature is not deterministic: the library has no other way.
        """
        issuer = subject.issuer
        if issuer is None:
            raise ValueError("a root has no OCSP response")
        signer = responder or (self.responder(issuer) if delegate else issuer)
        start = this_update or self.now - HOUR
        revoked = status == "revoked"
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=subject.certificate,
                issuer=issuer.certificate,
                algorithm=algorithm or hashes.SHA1(),  # noqa: S303 names a certificate, RFC 6960 section 4.1.1
                cert_status=_STATUSES[status],
                this_update=start,
                next_update=None if endless else next_update or start + timedelta(hours=48),
                revocation_time=start if revoked else None,
                revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        )
        if signer is not issuer:
            builder = builder.certificates([signer.certificate])
        if nonce:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.sign(signer.key, digest(signer.key)).public_bytes(Encoding.DER)

    def ocsp_of_size(self, subject: Issued, size: int) -> bytes:
        """Return an OCSPResponse of exactly so many octets (thousands), by its nonce."""
        nonce = size // 2
        for _ in range(100):  # a signature in DER is now and then an octet shorter
            response = self.ocsp(subject, nonce=bytes(nonce))
            if len(response) == size:
                return response
            nonce += size - len(response)
        raise ValueError(f"no response of {size} octets")


def crl(issuer: Issued, *revoked: Issued, span: tuple[datetime, datetime] = (NOW, NOW + 90 * DAY)) -> bytes:
    """Return an issuer's list of what it revoked, as PEM."""
    start, end = span
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(start).next_update(end).add_extension(x509.CRLNumber(1), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number).revocation_date(start)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, digest(issuer.key)).public_bytes(Encoding.PEM)


# RFC 5280 section 4.2.1.6 has both forms; nobody uses them, and a certificate may hold them all the same.
ODD_NAMES = {"x400Address": b"\xa3\x02\x30\x00", "ediPartyName": b"\xa5\x05\xa1\x03\x0c\x01x"}


def odd_names(form: str) -> x509.UnrecognizedExtension:
    """Return subject alternative names of a form of `ODD_NAMES`."""
    encoded = ODD_NAMES[form]
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), bytes((0x30, len(encoded))) + encoded)


def odd_server(form: str, parent: Issued) -> Issued:
    """Issue a server's certificate with a subject alternative name of a form of `ODD_NAMES`."""
    return issue(form, key(form), parent, [(odd_names(form), False)], span=(NOW - DAY, NOW + DAY))


def odd_request(form: str) -> bytes:
    """Make a signing request (DER) for a name of a form of `ODD_NAMES`."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(form))
    request = builder.add_extension(odd_names(form), critical=False).sign(key(form), hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def load_key(pem: bytes) -> Key:
    """Load a PEM key that a test wrote."""
    loaded = load_pem_private_key(pem, password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return loaded
