"""The directory as its publisher signs it: JSON inside CMS, numbered, expiring (docs/spec, "Directory").

A directory is what software ships and a publisher updates, one per trust context. `parse_directory` is the only way
in; it refuses by D1 a wrong form (`malformed`), by D2 a signer who is not pinned or did not sign
(`directory-untrusted`, `bad-signature`), by D4 one that is out of its time (`directory-not-yet-valid`,
`directory-expired`). Whoever uses directories again and again takes them by `mecai.protocol.acceptance` (D2, D3).

The JSON's shape is `directory.schema.json` beside this file; unknown members are ignored (D8). Certificates and keys
are base64 of their DER, hashes and ids lower-case hex, times RFC 3339 in UTC.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from mecai.errors import Malformed, VerificationError, under_rule
from mecai.protocol.codec import strict_json
from mecai.protocol.codec.cms import SignedContent, parse_signed_content, sign_content
from mecai.protocol.codec.strict_json import TIME, Members
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.entries import (
    RULE,
    encode_authority,
    encode_certificate,
    encode_distrust,
    read_authority,
    read_distrust,
)
from mecai.protocol.oids import ID_CT_DIRECTORY
from mecai.protocol.pki.identity import check_contexts, sha256, spki_hash
from mecai.protocol.pki.keys import PrivateKey

VERSION: Final = 1


def sign_directory(directory: Directory, key: PrivateKey, certificate: x509.Certificate) -> bytes:
    """Return the signed directory; `certificate` is the publisher's, the one that readers have pinned."""
    with under_rule(RULE):
        _check(directory)
        return sign_content(ID_CT_DIRECTORY, strict_json.dump(_encode_directory(directory)), key, certificate)


def parse_directory(
    encoded: bytes, publishers: Sequence[x509.Certificate], now: datetime | None, *, even_expired: bool = False
) -> Directory:
    """Return the directory that one of the pinned publishers signed.

    Whether it is older than another one is `mecai.protocol.acceptance`. `even_expired` is for a caller who only warns
    of it (D4); `now` None judges no time at all, for whoever looks without using it. Raises `VerificationError` under
    rules D1 to D4.
    """
    with under_rule(RULE):
        signed = parse_signed_content(encoded, ID_CT_DIRECTORY, LIMITS.directory_size)
        if signed.ocsp_responses:
            raise Malformed("crls: a directory has none")
    _check_signer(signed, publishers)
    with under_rule(RULE):
        directory = _decode_directory(strict_json.load(signed.content, "directory"), sha256(signed.content))
        _check(directory)
    if now is not None:
        _check_time(directory, now, even_expired=even_expired)
    return directory


def signer_of(encoded: bytes) -> x509.Certificate:
    """Return the certificate that a signed directory names as its signer's, unverified; raises `Malformed`."""
    with under_rule(RULE):
        return parse_signed_content(encoded, ID_CT_DIRECTORY, LIMITS.directory_size).certificate


def _check_signer(signed: SignedContent, publishers: Sequence[x509.Certificate]) -> None:
    """Hold the signer's key against the pins, then the signature against the key (rule D2)."""
    if spki_hash(signed.certificate) not in map(spki_hash, publishers):
        name = signed.certificate.subject.rfc4514_string()
        raise VerificationError("directory-untrusted", "D2", f"signed by {name}, whose key is not pinned")
    try:
        signed.verify_signature()
    except VerificationError as error:
        raise VerificationError(error.reason, "D2", error.detail) from error


def _check(directory: Directory) -> None:
    check_contexts((directory.context,))
    latest = int(directory.issued.timestamp())  # rule D3: what is higher would block all that follow
    if not 0 < directory.sequence <= latest:
        raise Malformed(f"sequence: {directory.sequence}, expected 1..{latest}, its own time of issue in seconds")
    if not timedelta() < directory.expires - directory.issued <= LIMITS.directory_lifetime:
        raise Malformed(f"expires: expected after issued and within {LIMITS.directory_lifetime.days} days")
    if len(directory.authorities) > LIMITS.directory_authorities:
        raise Malformed(f"authorities: more than {LIMITS.directory_authorities}")
    if len(directory.publishers) > LIMITS.directory_publishers:
        raise Malformed(f"publishers: more than {LIMITS.directory_publishers}")


def _check_time(directory: Directory, now: datetime, *, even_expired: bool) -> None:
    if directory.issued > now + LIMITS.clock_skew:
        raise VerificationError("directory-not-yet-valid", "D4", f"issued {directory.issued:{TIME}}, in the future")
    if directory.expires <= now and not even_expired:
        raise VerificationError("directory-expired", "D4", f"expired {directory.expires:{TIME}}; fetch a newer one")


def _encode_directory(directory: Directory) -> dict[str, object]:
    return {
        "version": VERSION,
        "context": directory.context,
        "sequence": directory.sequence,
        "issued": directory.issued.strftime(TIME),
        "expires": directory.expires.strftime(TIME),
        "authorities": [encode_authority(authority) for authority in directory.authorities],
        "distrust": [encode_distrust(entry) for entry in directory.distrust],
        "publishers": [encode_certificate(publisher) for publisher in directory.publishers],
    }


def _decode_directory(value: object, content_hash: bytes) -> Directory:
    members = Members(value, "directory")
    if (version := members.integer("version")) != VERSION:
        raise Malformed(f"directory.version: {version}, expected {VERSION}")
    return Directory(
        context=members.text("context"),
        sequence=members.integer("sequence"),
        issued=members.time("issued"),
        expires=members.time("expires"),
        authorities=members.objects("authorities", read_authority),
        distrust=members.objects("distrust", read_distrust),
        publishers=members.certificates("publishers"),
        hash=content_hash,
    )
