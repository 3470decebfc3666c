"""Verification of one voucher against its five bare signature verifications.

The five: the voucher's own, the root's on the authority's certificate, that of the authority's OCSP response, and those
of two responses for the server's chain; all ECDSA P-256. Bare means: the same keys, signatures and octets, parsed
before, in a loop. Measured is everything that rules V1 to V11 ask for, from DER to verdict, for a connection whose
server chain is validated already, as TLS does it anyway; the third has that chain, and its two signatures, too.

An authority is known when its certificate was seen before in this process: then it is parsed already, never trusted.
For a new one everything that the protocol remembers of certificates is forgotten before each verification.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from benchmarks.measure import Result, Work, paired
from benchmarks.remembered import forget
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.verify.rules import VerificationContext, judge_voucher
from tests.scene import Scene

SCENE = Scene()
VOUCHER = SCENE.voucher(SCENE.birch)


def run() -> list[Result]:
    """Measure it three times: authority known, authority new, whole connection."""
    chain = tuple(certificate.certificate for certificate in (SCENE.site, SCENE.alder.issuing, SCENE.alder.root))
    owners = SCENE.directory.owner_groups_of(chain, ())
    case = VerificationContext(SCENE.presented, chain, owners, SCENE.directory, SCENE.policy, SCENE.now)

    def known() -> None:
        judge_voucher(VOUCHER, case)

    def new() -> None:
        forget()
        judge_voucher(VOUCHER, case)

    five, seven = bare(with_chain=False), bare(with_chain=True)
    return [
        paired("voucher, authority known", known, five, "its 5 bare verifications", required=0.5),
        paired("voucher, authority new", new, five, "its 5 bare verifications"),
        paired("connection with one voucher", lambda: SCENE.accept(VOUCHER), seven, "its 7 bare verifications"),
    ]


def bare(*, with_chain: bool) -> Work:
    """Return the very signature verifications that a voucher, or a connection with it, is made of."""
    signed = parse_voucher(VOUCHER).signed
    authority, root = SCENE.birch.voucher.certificate, SCENE.birch.root.certificate
    site, issuing, alder = SCENE.site.certificate, SCENE.alder.issuing.certificate, SCENE.alder.root.certificate
    parts = [
        (authority, signed.signature, signed.signed_octets),
        (root, authority.signature, authority.tbs_certificate_bytes),
    ]
    for response in map(ocsp.load_der_ocsp_response, signed.ocsp_responses):
        issuer = {site.serial_number: issuing, issuing.serial_number: alder}.get(response.serial_number, root)
        parts.append((issuer, response.signature, response.tbs_response_bytes))
    if with_chain:
        parts += [
            (issuing, site.signature, site.tbs_certificate_bytes),
            (alder, issuing.signature, issuing.tbs_certificate_bytes),
        ]
    algorithm = ec.ECDSA(hashes.SHA256())
    keys = [(certificate.public_key(), signature, octets) for certificate, signature, octets in parts]

    def work() -> None:
        for key, signature, octets in keys:
            key.verify(signature, octets, algorithm)

    return work
