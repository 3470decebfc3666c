"""What is fuzzed: each target takes any octets, and only the project's own verdicts may come out.

Besides, each of these holds:
- what a decoder accepts, its encoder writes back octet for octet (rule I6);
- a voucher that is accepted for a connection is one that was signed: its hash is that of a seed;
- a directory that is accepted says the same after it was written and read again, and so does a report.
"""

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import load_der_ocsp_response

from mecai.ca.authority.keys import load_request, request_names
from mecai.ca.ocsp.responder import Delegate, OcspResponder
from mecai.ca.repository.status import NEVER_ISSUED, PublishedStatus, StatusFolder
from mecai.ca.storage.records import Issuer
from mecai.cli.show.readings import read_twice
from mecai.errors import InputError, VerificationError
from mecai.protocol.codec import der
from mecai.protocol.codec.cms import parse_signed_content, sign_content
from mecai.protocol.codec.signed_data import ContentInfo
from mecai.protocol.codec.tls_answer import decode_vouchers, encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import parse_directory, sign_directory
from mecai.protocol.objects.expedite import ExpediteStatement, parse_expedite
from mecai.protocol.objects.incident import Incident, parse_incident
from mecai.protocol.objects.report import parse_passed_on, parse_report
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.statement import Signed
from mecai.protocol.objects.succession import Succession, parse_succession
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.oids import (
    ID_CT_DIRECTORY,
    ID_CT_EXPEDITE_STATEMENT,
    ID_CT_INCIDENT,
    ID_CT_REPORT,
    ID_CT_SUCCESSION,
)
from mecai.protocol.pki import certificates, crl
from mecai.protocol.pki.direct import validate_authority, validate_delegate
from mecai.protocol.pki.identity import spki_hash
from mecai.protocol.pki.names import dns_names
from mecai.protocol.pki.ocsp import judge_ocsp
from mecai.protocol.pki.path import validate_chain
from tests.scene import PUBLISHER, Scene

CORPUS: Final = Path(__file__).parent / "corpus"
SCENE: Final = Scene()
PINS: Final = [PUBLISHER.certificate]
ISSUERS: Final = [SCENE.alder.issuing.certificate]
ROOTS: Final = [SCENE.alder.root.certificate]
STATEMENTS: Final[dict[str, Callable[[bytes], Signed[Incident] | Signed[ExpediteStatement] | Signed[Succession]]]] = {
    ID_CT_INCIDENT: parse_incident,
    ID_CT_EXPEDITE_STATEMENT: parse_expedite,
    ID_CT_SUCCESSION: parse_succession,
}
Value = TypeVar("Value")


class Finding(Exception):
    """An invariant does not hold."""


def seeds(target: str) -> list[Path]:
    """Return the committed seeds of a target."""
    return sorted((CORPUS / target).iterdir())


class _NothingIssued(StatusFolder):
    """The status of a CA that issued nothing."""

    def look_up(self, issuer: Issuer, serial: int) -> PublishedStatus:
        """Know no serial number."""
        del issuer, serial
        return NEVER_ISSUED


def _responder() -> OcspResponder:
    issuer = SCENE.alder.issuing
    delegate = SCENE.alder.responder(issuer)
    signer = Delegate(Issuer.ISSUING, issuer.certificate, delegate.certificate, delegate.key)
    return OcspResponder([signer], _NothingIssued(CORPUS), timedelta(hours=1))


RESPONDER: Final = _responder()
GENUINE: Final = {parse_voucher(path.read_bytes()).hash for path in seeds("voucher")}


def voucher(data: bytes) -> None:
    """Parse a voucher from the wire and judge it for a connection to its server."""
    with suppress(InputError):
        read_twice(data, "voucher").document("json")  # what `mecai voucher view` shows
    parsed = _verdict(parse_voucher, data)
    if parsed is None:
        return
    _require_same(der.encode(der.decode(ContentInfo, data, "voucher", len(data))), data)
    _require_same(parsed.info.encode(), parsed.signed.content)
    if _verdict(SCENE.accept, data) is not None and parsed.hash not in GENUINE:
        raise Finding("accepted, and never signed")


def request(data: bytes) -> None:
    """Parse what a VAS is asked."""
    parsed = _verdict(VoucherRequest.decode, data)
    if parsed is not None:
        _require_same(parsed.encode(), data)


def extension(data: bytes) -> None:
    """Parse both TLS extensions: what a client asks for, and what a server answers."""
    choice = _verdict(RequestExtension.decode, data)
    if choice is not None:
        _require_same(choice.encode(), data)
    vouchers = _verdict(decode_vouchers, data)
    if vouchers is not None:
        _require_same(encode_vouchers(vouchers), data)


def directory(data: bytes) -> None:
    """Parse a directory: its envelope, and its JSON in a sound one."""
    _verdict(_parse_directory, data)
    parsed = _verdict(_parse_directory, sign_content(ID_CT_DIRECTORY, data, PUBLISHER.key, PUBLISHER.certificate))
    if parsed is not None:
        again = _parse_directory(sign_directory(parsed, PUBLISHER.key, PUBLISHER.certificate))
        if again != parsed:
            raise Finding("written and read again, it says something else")


def ocsp(data: bytes) -> None:
    """Judge an OCSP response, as a voucher encloses it or a responder sends it."""
    _verdict(
        lambda response: judge_ocsp(response, SCENE.site.certificate, SCENE.alder.issuing.certificate, SCENE.now), data
    )


def certificate(data: bytes) -> None:
    """Parse a certificate and ask it whatever this project ever asks of a stranger's."""
    parsed = _verdict(certificates.load, data)
    if parsed is None:
        return
    _require_same(parsed.public_bytes(Encoding.DER), data)
    parsed.subject.rfc4514_string()
    for ask in (dns_names, crl.distribution_points, spki_hash):
        ask(parsed)
    _verdict(lambda _: validate_chain(parsed, ISSUERS, ROOTS, None, SCENE.now), data)
    _verdict(lambda _: validate_authority(parsed, ROOTS, SCENE.now), data)
    _verdict(lambda _: validate_delegate(parsed, ISSUERS[0], SCENE.now), data)


def signing_request(data: bytes) -> None:
    """Parse what somebody asks a CA to certify."""
    pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE REQUEST-----\n"
    with suppress(InputError):
        request_names(load_request(pem))


def status_request(data: bytes) -> None:
    """Parse what somebody asks an OCSP responder: whatever it is, it is answered."""
    load_der_ocsp_response(RESPONDER.reply(data, SCENE.now).der)


def report(data: bytes) -> None:
    """Parse what a client reports, and the same as a VA passes it on."""
    _verdict(parse_passed_on, data)
    _verdict(parse_passed_on, sign_content(ID_CT_REPORT, data, SCENE.site.key, SCENE.site.certificate))
    parsed = _verdict(parse_report, data)
    if parsed is not None:
        again = parse_passed_on(parsed.sign(bytes(8), SCENE.site.key, SCENE.site.certificate)).statement.report
        if again != replace(parsed, text=None):
            raise Finding("passed on, it says something else")


def statement(data: bytes) -> None:
    """Parse each statement that is signed as such: its envelope, and its content in a sound one."""
    for content_type, parse in STATEMENTS.items():
        _verdict(parse, data)
        signed = sign_content(content_type, data, SCENE.site.key, SCENE.site.certificate)
        parsed = _verdict(parse, signed)
        if parsed is not None:
            again = parse_signed_content(parsed.statement.sign(SCENE.site.key, SCENE.site.certificate), content_type)
            _require_same(again.content, data)


TARGETS: Final = {
    each.__name__: each
    for each in (
        *(voucher, request, extension, directory, ocsp, certificate, signing_request, status_request),
        *(report, statement),
    )
}


def _parse_directory(encoded: bytes) -> Directory:
    return parse_directory(encoded, PINS, None)


def _verdict(judge: Callable[[bytes], Value], data: bytes) -> Value | None:
    """Return what the judge returns, None for a verdict against the data; lets every other exception through."""
    try:
        return judge(data)
    except VerificationError:
        return None


def _require_same(written: bytes, read: bytes) -> None:
    if written != read:
        raise Finding(f"accepted, but written back as {written.hex()}")
