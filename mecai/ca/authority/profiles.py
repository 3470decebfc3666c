"""What each kind of certificate holds: the profiles of RFC 5280, RFC 6960 section 4.2.2.2 and docs/spec section 2.

A profile decides everything but the key and the names: nothing else of a signing request is ever copied. Subjects are
short, because status answers carry the responder's certificate and vouchers carry those answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from mecai.ca.config import StatusUrls
from mecai.ca.repository.crl import crl_name
from mecai.ca.storage.records import CertificateProfile, Issuer
from mecai.protocol.oids import ID_KP_VOUCHER_SIGNING
from mecai.protocol.pki.algorithms import for_key
from mecai.protocol.pki.keys import PrivateKey, PublicKey

Extension = tuple[x509.ExtensionType, bool]  # an extension, and whether it is critical

BACKDATED: Final = timedelta(hours=1)  # for clients whose clock is behind
_COMMON_NAME_LENGTH: Final = 64  # ub-common-name, RFC 5280 appendix A.1
_USAGE_BITS: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class NameKind:
    """A kind of name that certificates are for: what it is called, who gives it, how it stands in a certificate."""

    called: str
    option: str
    remedy: str
    general: Callable[[str], x509.GeneralName]


DNS: Final = NameKind("DNS name", "--dns", "give --dns, or a request with alternative names", x509.DNSName)
MAIL: Final = NameKind("mail address", "--email", "give --email", x509.RFC822Name)


@dataclass(frozen=True)
class Rules:
    """Who issues a profile, the office that its subject names, and the kind of names that it needs of the caller."""

    issuer: Issuer
    office: str
    names: NameKind | None = None


RULES: Final[Mapping[CertificateProfile, Rules]] = {
    CertificateProfile.ROOT: Rules(Issuer.ROOT, "root CA"),
    CertificateProfile.ISSUING: Rules(Issuer.ROOT, "issuing CA"),
    CertificateProfile.SERVER: Rules(Issuer.ISSUING, "", DNS),
    # The issuing CA's own purpose is TLS servers; a client's certificate below it is no good to openssl.
    CertificateProfile.CLIENT: Rules(Issuer.ROOT, "", DNS),
    CertificateProfile.VA: Rules(Issuer.ROOT, "Voucher Authority", DNS),
    # Mail programs let a CA's own purposes bound what is below it, and the issuing CA's is TLS alone.
    CertificateProfile.MAIL: Rules(Issuer.ROOT, "", MAIL),
    CertificateProfile.OCSP_ROOT: Rules(Issuer.ROOT, "root OCSP"),
    CertificateProfile.OCSP_ISSUING: Rules(Issuer.ISSUING, "issuing OCSP"),
}


# What the key of an end entity is for, one thing each.
_ENDS: Final = {
    CertificateProfile.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    CertificateProfile.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
    CertificateProfile.MAIL: ExtendedKeyUsageOID.EMAIL_PROTECTION,
}


@dataclass(frozen=True)
class IssuanceRequest:
    """What is to be certified: a key and names, by a profile, for a time."""

    profile: CertificateProfile
    key: PublicKey
    names: Sequence[str]
    life: timedelta


def draft(
    request: IssuanceRequest, authority: str, issuer: x509.Certificate | None, urls: StatusUrls, now: datetime
) -> x509.CertificateBuilder:
    """Return the certificate, ready to be signed; `issuer` None means that it signs itself.

    Both ends of the validity count (RFC 5280 section 4.1.2.5); nothing outlives its issuer. The serial number has 159
    random bits.
    """
    rules = RULES[request.profile]
    subject = _subject(f"{authority} {rules.office}" if rules.office else request.names[0])
    start = now - BACKDATED
    end = start + request.life - timedelta(seconds=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(request.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(min(end, issuer.not_valid_after_utc) if issuer else end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.key), critical=False)
    )
    extensions = _purpose(request.profile)
    if issuer:
        extensions.append((_authority_key(issuer), False))
    if rules.names:
        names = x509.SubjectAlternativeName([rules.names.general(name) for name in request.names])
        extensions.append((names, not subject))  # RFC 5280 section 4.2.1.6: critical if the subject is empty
    for extension, critical in [*extensions, *_status_pointers(request.profile, urls)]:
        builder = builder.add_extension(extension, critical)
    return builder


def names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names that a certificate of an authority is for, of whatever kind."""
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in alternative)


def sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    """Sign a certificate with the hash that belongs to the key."""
    return builder.sign(key, for_key(key).digest.hash)


def _subject(common_name: str) -> x509.Name:
    if len(common_name) > _COMMON_NAME_LENGTH:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _purpose(profile: CertificateProfile) -> list[Extension]:
    """Return what says what the key may be used for."""
    certifies = _usage("key_cert_sign", "crl_sign", "digital_signature")  # OCSP answers are signed by the issuer too
    signs = _usage("digital_signature")
    server_auth = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    match profile:
        case CertificateProfile.ROOT:
            return [(x509.BasicConstraints(ca=True, path_length=None), True), certifies]
        case CertificateProfile.ISSUING:
            return [(x509.BasicConstraints(ca=True, path_length=0), True), certifies, server_auth]
        case CertificateProfile.SERVER | CertificateProfile.CLIENT | CertificateProfile.MAIL:
            return [signs, (x509.ExtendedKeyUsage([_ENDS[profile]]), False)]
        case CertificateProfile.VA:  # docs/spec, K2: critical and alone
            return [signs, (x509.ExtendedKeyUsage([x509.ObjectIdentifier(ID_KP_VOUCHER_SIGNING)]), True)]
        case CertificateProfile.OCSP_ROOT | CertificateProfile.OCSP_ISSUING:
            ocsp_signing = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
            return [signs, ocsp_signing, (x509.OCSPNoCheck(), False)]


def _status_pointers(profile: CertificateProfile, urls: StatusUrls) -> list[Extension]:
    """Return where a certificate's status is asked: nowhere for a root, and for responders, which nobody checks.

    Where the CA has no responder, nowhere for any.
    """
    if profile in {CertificateProfile.ROOT, CertificateProfile.OCSP_ROOT, CertificateProfile.OCSP_ISSUING}:
        return []
    crl = urls.crl and f"{urls.crl.rstrip('/')}/{crl_name(RULES[profile].issuer)}"
    pointers = ((_answered_at, urls.ocsp), (_listed_at, crl))
    return [(point(url), False) for point, url in pointers if url]


def _answered_at(url: str) -> x509.ExtensionType:
    location = x509.UniformResourceIdentifier(url)
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)])


def _listed_at(url: str) -> x509.ExtensionType:
    location = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([location], None, None, None)])


def _usage(*bits: str) -> Extension:
    return x509.KeyUsage(**{bit: bit in bits for bit in _USAGE_BITS}), True
