"""The mails to owners of domains and to CAs (docs/spec H4, H9): words, signature, protected header.

multipart/signed with a detached CMS signature (RFC 8551 section 3.5.3). S/MIME leaves the outer header unsigned;
therefore the signed part repeats the header fields that matter (RFC 9788, `hp="clear"`), and the first line of the text
is the subject once more, for readers that know nothing of that.
"""

import base64
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from mecai.errors import InputError
from mecai.protocol.pki.identity import hash_of
from mecai.protocol.pki.keys import PrivateKey
from mecai.protocol.pki.names import dns_names, host_name
from mecai.vas.storage.digests import Part

_SIGNATURE_WIDTH: Final = 64  # characters of base64 a line
INVALID: Final = "invalid"


@dataclass(frozen=True)
class Letter:
    """What a VA tells about a certificate, before it is addressed and signed."""

    subject: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Signer:
    """Who signs mail: an address, and its S/MIME certificate with its key, which signs nothing else (K4, D5)."""

    sender: str
    certificate: x509.Certificate
    key: PrivateKey


def subject_of(certificate: x509.Certificate) -> str:
    """Return `certificate for HOSTNAME: FINGERPRINT`, the first DNS name and the SHA-256."""
    return f"certificate for {_first_name(certificate)}: {hash_of(certificate).hex()}"


def first_sight_letter(
    certificate: x509.Certificate, requester: str, addresses: Sequence[str], hold_end: datetime | None, va: str
) -> Letter:
    """Say that the VA `va` has seen a certificate for the first time, and until when it is held (H4)."""
    held = f"held until {hold_end:%Y-%m-%d %H:%M:%S} UTC" if hold_end else "not held: it follows one that is known"
    return Letter(
        subject_of(certificate),
        (
            subject_of(certificate),
            "",
            f"The Voucher Authority {va} was asked to vouch for this certificate, which it had not seen before.",
            "If it is yours, there is nothing to do. If it is not, object to it, and have its issuer revoke it.",
            "",
            f"names:     {', '.join(map(_printable, dns_names(certificate))) or 'none'}",
            f"asked by:  {requester}",
            f"seen at:   {', '.join(addresses)}",
            f"vouchers:  {held}",
            "",
            *certificate.public_bytes(Encoding.PEM).decode("ascii").splitlines(),
        ),
    )


def elsewhere_letter(certificate: x509.Certificate, told: Mapping[str, Any], va: str) -> Letter:
    """Say that the VA `va` has seen a certificate that it knows at new addresses (H10); `told` is the mail's body.

    The subject has no fingerprint: who files what is about a certificate of his own is to see this all the same.
    """
    subject = f"certificate for {_first_name(certificate)} at new addresses"
    return Letter(
        subject,
        (
            subject,
            "",
            f"The Voucher Authority {va} knows this certificate, and has now seen it at these addresses too.",
            "If your servers are there, there is nothing to do. If not, somebody passes on what they answer, or has",
            "the key: see who holds these addresses, and have the certificate revoked if in doubt.",
            "",
            f"names:     {', '.join(map(_printable, dns_names(certificate))) or 'none'}",
            f"SHA-256:   {hash_of(certificate).hex()}",
            f"asked by:  {told['requester']}",
            *_where(told),
            "",
            *certificate.public_bytes(Encoding.PEM).decode("ascii").splitlines(),
        ),
    )


def _where(told: Mapping[str, Any]) -> Iterator[str]:
    """List the new addresses, and those known before."""
    yield "seen at:"
    yield from (f"  {line}" for line in told["new"])
    if told["more"]:
        yield f"  and {told['more']} more"
    if told["full"]:
        yield f"  {told['total']} addresses are known by now: this VA tells further ones apart no longer"
    yield "known before:"
    yield from (f"  {line}" for line in told["before"])


def objection_letter(
    certificate: x509.Certificate, domain: str, raised: datetime, known: str | None, va: str
) -> Letter:
    """Say to its issuer that a domain's owner objects to a certificate, or to the issuer of one that is `known` (H9).

    `known` is the SHA-256 (hex) of the latter.
    """
    subject = f"objection to {subject_of(certificate)}"
    yours = f"Your CA issued the certificate {known} for that domain." if known else "Your CA issued it."
    return Letter(
        subject,
        (
            subject,
            "",
            f"The owner of {domain} objects to this certificate, and has proved by the DNS that the domain is his.",
            f"{yours} The Voucher Authority {va} vouches for the one below no longer, until it has decided.",
            "",
            f"names:     {', '.join(map(_printable, dns_names(certificate))) or 'none'}",
            f"raised:    {raised:%Y-%m-%d %H:%M:%S} UTC",
            "",
            *certificate.public_bytes(Encoding.PEM).decode("ascii").splitlines(),
        ),
    )


def digest_letter(part: Part, day: str, number: int, va: str) -> Letter:
    """Name the certificates of a day, or a part of them by its number, that were too many for a mail each.

    By domain; those of which there are few come first, so that many about another one hide none.
    """
    domains: dict[str, list[str]] = {}
    for each in part.untold:
        domains.setdefault(each.get("domain", "a domain"), []).append(_untold_line(each))
    whose = f"for {next(iter(domains))}" if len(domains) == 1 else f"for {len(domains)} domains"
    subject = f"certificates {whose}: {len(part.untold)} more of {day}" + (f", part {number}" if number > 1 else "")
    lines = [
        subject,
        "",
        f"The Voucher Authority {va} was asked to vouch for these certificates too, which it had not seen before,",
        "or not at these addresses.",
        "Object to those that are not yours, and have their issuers revoke them.",
    ]
    for domain, named in sorted(domains.items(), key=lambda each: (len(each[1]), each[0])):
        lines += ["", f"{domain}:", *named]
    return Letter(subject, (*lines, *(("", "Another mail has more of them.") if part.follows else ())))


def _untold_line(body: Mapping[str, Any]) -> str:
    end = (
        f"held until {datetime.fromisoformat(body['holdEnd']):%Y-%m-%d %H:%M:%S} UTC" if body["holdEnd"] else "not held"
    )
    if "notice" in body:
        more = f" and {body['more']} more" if body["more"] else ""
        end = f"new there{more}, known before at {', '.join(line.partition(' ')[0] for line in body['before'])}"
    seen = ", ".join(body["addresses"]) or "further addresses"
    return f"{body['certificate']} {_printable(body.get('name', ''))}, asked by {body['requester']}, at {seen}, {end}"


def signed_mail(letter: Letter, signer: Signer, recipient: str, message_id: str, date: datetime) -> bytes:
    """Return the whole message (RFC 5322), CRLF at each end of line, ready for a relay."""
    fields = [
        f"From: {signer.sender}",
        f"To: {recipient}",
        f"Subject: {letter.subject}",
        f"Date: {format_datetime(date)}",
        f"Message-ID: <{message_id}>",
        "Auto-Submitted: auto-generated",
    ]
    inner = ['Content-Type: text/plain; charset="utf-8"; hp="clear"', "Content-Transfer-Encoding: 7bit", *fields]
    part = _crlf([*inner, "", *_wrapped(letter.lines)])
    boundary = f"mecai-{hash_of(signer.certificate).hex()[:16]}-{message_id.partition('@')[0][:32]}"
    outer = [
        *fields,
        "MIME-Version: 1.0",
        'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256;',
        f' boundary="{boundary}"',
        "",
        f"--{boundary}",
    ]
    signature = [
        f"--{boundary}",
        'Content-Type: application/pkcs7-signature; name="smime.p7s"',
        "Content-Transfer-Encoding: base64",
        'Content-Disposition: attachment; filename="smime.p7s"',
        "",
        *_base64(_detached(part, signer)),
        f"--{boundary}--",
    ]
    # The line break before a boundary is the boundary's (RFC 2046 section 5.1.1), not the signed part's.
    return _crlf(outer) + part + b"\r\n" + _crlf(signature)


def _detached(part: bytes, signer: Signer) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(part)
    builder = builder.add_signer(signer.certificate, signer.key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])


def _first_name(certificate: x509.Certificate) -> str:
    try:
        return host_name(next(iter(dns_names(certificate)), "").removeprefix("*."))
    except InputError:
        return INVALID


def _printable(name: str) -> str:
    """Return a name as it stands in the certificate, if it can stand in a mail; a CA may have certified anything."""
    return name if name.isascii() and name.isprintable() else INVALID


def _wrapped(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in (textwrap.wrap(line, 900, break_on_hyphens=False) or [""])]


def _base64(octets: bytes) -> list[str]:
    text = base64.b64encode(octets).decode()
    return [text[place : place + _SIGNATURE_WIDTH] for place in range(0, len(text), _SIGNATURE_WIDTH)]


def _crlf(lines: Sequence[str]) -> bytes:
    return b"".join(line.encode("ascii") + b"\r\n" for line in lines)
