"""Sign a voucher with the key of a Voucher Authority that has been taken over; runs on that authority's host.

Told on stdin, as JSON: `chain` (PEM, end entity first), `trust` (PEM, the root above it), `addresses`, `contexts`,
`key`, `certificate` and `root` (files of the authority), `claims` (PEM, the root of the authority that it claims to
come from), `fault` (empty, or what is wrong with it). Prints the voucher, DER in base64. The evidence in it is true:
OCSP answers that the responders give.
"""

import base64
import json
import secrets
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID

from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher import sign_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from mecai.protocol.pki.identity import address_octets, authority_id, certificate_hash, sha256, spki_der
from mecai.protocol.pki.ocsp import build_ocsp_request, judge_ocsp

FETCH_SECONDS = 5
DAY = timedelta(hours=24)
# By how much a voucher's times are moved.
_SHIFTS = {"expired": -3 * DAY, "future": 3 * DAY}


def _responder(certificate: x509.Certificate) -> str:
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    responders = (each for each in access if each.access_method == AuthorityInformationAccessOID.OCSP)
    return str(next(responders).access_location.value)


def _ask(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """Ask the responder that the certificate names, whatever it says."""
    question = build_ocsp_request(certificate, issuer)
    url, kind = _responder(certificate), {"Content-Type": "application/ocsp-request"}
    request = urllib.request.Request(url, question, kind)  # noqa: S310 - the lab's own certificates name it
    with urllib.request.urlopen(request, timeout=FETCH_SECONDS) as answer:  # noqa: S310
        return bytes(answer.read())


def _status(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> tuple[StatusEvidence, bytes]:
    """Return good evidence, and the answer that it is made of."""
    response = _ask(certificate, issuer)
    judged = judge_ocsp(response, certificate, issuer, now)
    named = certificate_hash(certificate.public_bytes(Encoding.DER))
    end = judged.until(now + DAY)
    return StatusEvidence(named, EvidenceMethod.OCSP, judged.this_update, end, sha256(response)), response


def _load(path: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(path).read_bytes())


def _info(told: dict[str, Any], statuses: list[StatusEvidence], now: datetime) -> VoucherInfo:
    start = now + _SHIFTS.get(told["fault"], timedelta())
    hashes = [each.certificate_hash for each in statuses]
    return VoucherInfo(
        authority=authority_id(spki_der(x509.load_pem_x509_certificate(told["claims"].encode()))),
        serial_number=1 + secrets.randbelow(2**64),
        certificate_hash=hashes[0],
        intermediate_hashes=tuple(hashes[1:]),
        addresses=tuple(map(address_octets, told["addresses"])),
        probed_port=443,
        this_update=start,
        next_update=start + DAY,
        trust_contexts=tuple(told["contexts"]),
        intermediates_matched=True,
        perspectives=1,
        status_evidence=tuple(statuses),
    )


def main() -> None:
    """Sign, and print."""
    told = json.load(sys.stdin)
    now = datetime.now(UTC).replace(microsecond=0)
    certificate, root = _load(told["certificate"]), _load(told["root"])
    key: Any = load_pem_private_key(Path(told["key"]).read_bytes(), None)
    if told["fault"] == "wrong-key":
        key = ec.generate_private_key(ec.SECP256R1())
    chain = x509.load_pem_x509_certificates(told["chain"].encode())
    authority = x509.load_pem_x509_certificates(told["trust"].encode())
    found = [_status(each, issuer, now) for each, issuer in zip(chain, [*chain[1:], *authority], strict=False)]
    info = _info(told, [each for each, _ in found], now)
    responses = [*(response for _, response in found), _ask(certificate, root)]
    encoded = sign_voucher(info, key, certificate, responses)
    if told["fault"] == "truncated":
        encoded = encoded[: len(encoded) // 2]
    sys.stdout.write(base64.b64encode(encoded).decode())


if __name__ == "__main__":
    main()
