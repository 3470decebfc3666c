# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""I6, I7, K3, O1 to O4: encodings that another reader lets pass, each under a good signature where one covers it."""

import hashlib
from datetime import timedelta

from tests.conformance.parts import names
from tests.conformance.parts.der import (
    NULL,
    boolean,
    enumerated,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    printable,
    sequence,
    set_of,
)
from tests.conformance.parts.rsa import rsa_key
from tests.conformance.parts.signed_data import Changes, ocsp_info, signer_info
from tests.conformance.parts.signing import Algorithm, Signer, ecdsa, pkcs1, pss, pss_identifier, signer
from tests.conformance.parts.status import CRL, Evidence, by_crl, by_ocsp, ocsp, short_lived
from tests.conformance.parts.voucher import BEGIN, extension, extensions, issuers
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, CEDAR, HOST, SITE, accepted, of, refused, voucher
from tests.pki import DAY, NOW, issue

_SPAN = (NOW - DAY, NOW + 364 * DAY)
_RSA = issue("birch VA", rsa_key(2048), BIRCH.root, BIRCH.voucher_extensions(), span=_SPAN)
_EVIDENCE = tuple(map(by_ocsp, issuers(SITE)))
_HASH = hashlib.sha256(SITE.der).digest()


def _malformed(**fields: bytes) -> Situation:
    return refused("malformed", voucher(info=fields))


_FIELDS: dict[str, dict[str, bytes]] = {
    "a version as OCTET STRING": {"version": octets(b"\x01")},
    "a version as ENUMERATED": {"version": enumerated(1)},
    "a hash as UTF8String": {"certificateHash": b"\x0c\x20" + _HASH},
    "a serial number as ENUMERATED": {"serialNumber": enumerated(5)},
    "a truth of NULL": {"intermediatesMatched": NULL},
    "a truth of two octets": {"intermediatesMatched": b"\x01\x02\xff\xff"},
    "a truth of no octets": {"intermediatesMatched": b"\x01\x00"},
    "a time as PrintableString": {"thisUpdate": printable(f"{BEGIN:%Y%m%d%H%M%SZ}")},
    "a time at 24 o'clock": {"thisUpdate": b"\x18\x0f20260301240000Z"},
    "a time of the second 60": {"thisUpdate": b"\x18\x0f20260302115460Z"},
    "a time in small letters": {"thisUpdate": b"\x18\x0f20260302115500z"},
    "perspectives of no octets": {"perspectives": b"\x02\x00"},
    "perspectives of minus 1": {"perspectives": integer(-1)},
    "a serial number with a needless zero": {"serialNumber": b"\x02\x02\x00\x05"},
    "two values in the tag of its extensions": {
        "extensions": explicit(0, sequence(extension()), sequence(extension(number=2)))
    },
    "nothing in the tag of its extensions": {"extensions": explicit(0)},
    "an extension that ends within an arc": {
        "extensions": extensions(sequence(b"\x06\x03\x2a\x03\x83", boolean(value=False), octets(b"")))
    },
    "an extension named by nothing": {
        "extensions": extensions(sequence(b"\x06\x00", boolean(value=False), octets(b"")))
    },
    "an extension of a fourth field": {
        "extensions": extensions(sequence(oid(names.UNKNOWN), boolean(value=False), octets(b""), NULL))
    },
    "an extension as a SET": {"extensions": explicit(0, b"\x31" + sequence(extension())[1:])},
    "its addresses in a tag": {"addresses": explicit(0, sequence(octets(bytes(4))))},
    "a port as OCTET STRING": {"probedPort": octets(b"\x01\xbb")},
}


@case("V1", "I6", "I7", over=_FIELDS)
def i6_voucher_with(fields: dict[str, bytes]) -> Situation:
    """VoucherInfo has {}."""
    return _malformed(**fields)


@case("V1", "O14", "I6")
def o14_sixteen_extensions() -> Situation:
    """The voucher has sixteen extensions that this client cannot know, the most."""
    return accepted(voucher(info={"extensions": extensions(*(extension(number=number) for number in range(16)))}))


def _entry(evidence: Evidence, **changes: bytes) -> Situation:
    """Refuse birch's voucher with this entry about the end entity."""
    made = voucher(
        evidence=[evidence, by_ocsp(ALDER.issuing)],
        info={"statusEvidence": sequence(evidence.entry(**changes), _EVIDENCE[1].entry())},
    )
    return refused("malformed", made)


@case("V1", "E2", "I6")
def e2_method_of_no_octets() -> Situation:
    """The method of the end entity's entry is an ENUMERATED without octets, which some read as 0."""
    return _entry(_EVIDENCE[0], method=b"\x0a\x00")


@case("V1", "E2")
def e2_crl_without_hash() -> Situation:
    """The end entity's entry is of method crl and names no CRL."""
    return _entry(by_crl(SITE), evidenceHash=b"")


@case("V1", "E2")
def e2_ends_before_it_begins() -> Situation:
    """The CRL begins in 200 seconds, which is forgiven, and ends in 100. E2: nextUpdate is after thisUpdate."""
    return _entry(Evidence(_HASH, CRL, (NOW + timedelta(seconds=200), NOW + timedelta(seconds=100)), bytes(32)))


@case("V1", "E2")
def e2_ends_when_it_begins() -> Situation:
    """The CRL begins and ends in 100 seconds."""
    moment = NOW + timedelta(seconds=100)
    return _entry(Evidence(_HASH, CRL, (moment, moment), bytes(32)))


@case("V1", "E2", "I6")
def e2_entry_as_set() -> Situation:
    """The entry of a short-lived end entity is a SET, whose items stand in its order by luck."""
    site = ALDER.server(HOST, days=1)
    entry = short_lived(site).entry()
    info = {"statusEvidence": sequence(b"\x31" + entry[1:], _EVIDENCE[1].entry())}
    made = of(BIRCH, site, evidence=[short_lived(site), by_ocsp(ALDER.issuing)], info=info)
    return refused("malformed", made, chain=site.chain_der)


# Algorithms


def _by(algorithm: Algorithm) -> Signer:
    return Signer(_RSA, algorithm)


def _renamed(algorithm: Algorithm, identifier: bytes) -> Signer:
    """Return birch's RSA key, which signs by one algorithm and says another identifier."""
    return _by(Algorithm(identifier, algorithm.digest, algorithm.sign))


_PKCS1_OID = "1.2.840.113549.1.1.11"


@case("K3", "V4")
def k3_pkcs1_without_null() -> Situation:
    """The identifier of RSA with PKCS #1 v1.5 has no parameters. K3: taken with NULL and without."""
    return accepted(voucher(by=_renamed(pkcs1("sha256"), sequence(oid(_PKCS1_OID)))))


_PSS_OID, _MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
_IDENTIFIERS: dict[str, tuple[Algorithm, bytes]] = {
    "PKCS1 with an OCTET STRING": (pkcs1("sha256"), sequence(oid(_PKCS1_OID), octets(b""))),
    "PKCS1 with NULL twice": (pkcs1("sha256"), sequence(oid(_PKCS1_OID), NULL, NULL)),
    "PKCS1 with a NULL of an octet": (pkcs1("sha256"), sequence(oid(_PKCS1_OID), b"\x05\x01\x00")),
    "PSS without parameters": (pss("sha256"), sequence(oid(_PSS_OID))),
    "PSS with empty parameters": (pss("sha256"), sequence(oid(_PSS_OID), sequence())),
    "PSS with SHA-1 in MGF1": (pss("sha256", mask="sha1"), b""),
    "PSS with SHA-384 in MGF1": (pss("sha256", mask="sha384"), b""),
    "PSS with another mask": (pss("sha256"), pss_identifier("sha256", mask_oid=names.UNKNOWN)),
    "PSS with its trailer written": (pss("sha256"), pss_identifier("sha256", more=explicit(3, integer(1)))),
    "PSS with digests without NULL": (pss("sha256"), pss_identifier("sha256", null=b"")),
    "PSS with a salt of 31": (pss("sha256", 31), b""),
    "PSS with a salt of 33": (pss("sha256", 33), b""),
    "PSS with no salt": (pss("sha256", 0), b""),
}


@case("K3", "V1", over=_IDENTIFIERS)
def k3_identifier_of(choice: tuple[Algorithm, bytes]) -> Situation:
    """The signature's identifier is {}. K3: PSS uses one digest throughout and a salt of its length, all written."""
    algorithm, identifier = choice
    return refused("malformed", voucher(by=_renamed(algorithm, identifier or algorithm.identifier)))


@case("K3", "V1")
def k3_ecdsa_with_null() -> Situation:
    """The identifier of ECDSA with SHA-256 has NULL (RFC 5758 section 3.2: no parameters)."""
    algorithm = ecdsa("sha256")
    made = Algorithm(sequence(oid("1.2.840.10045.4.3.2"), NULL), "sha256", algorithm.sign)
    return refused("malformed", voucher(by=Signer(BIRCH.voucher, made)))


_SALTS = {"shorter": 20, "none": 0, "longer": 40}


@case("K3", "V4", over=_SALTS)
def k3_salt_other_than_said(size: int) -> Situation:
    """The identifier says a salt of 32 octets; the signature's is {}."""
    return refused("bad-signature", voucher(by=_renamed(pss("sha256", size), pss("sha256").identifier)))


@case("K3", "V4")
def k3_mask_other_than_said() -> Situation:
    """The identifier says SHA-384 throughout, the signature was made with SHA-256 in MGF1."""
    return refused("bad-signature", voucher(by=_renamed(pss("sha384", mask="sha256"), pss("sha384").identifier)))


@case("K3", "V4")
def k3_scheme_of_another_key() -> Situation:
    """The identifier is RSA with PKCS #1 v1.5; the signature is ECDSA, good by the P-256 key of the VA certificate."""
    made = Algorithm(pkcs1("sha256").identifier, "sha256", ecdsa("sha256").sign)
    return refused("bad-signature", voucher(by=Signer(BIRCH.voucher, made)))


@case("K3", "V4")
def k3_pss_as_pkcs1() -> Situation:
    """The identifier is PSS; the signature was made by PKCS #1 v1.5."""
    return refused("bad-signature", voucher(by=_renamed(pkcs1("sha256"), pss("sha256").identifier)))


@case("V1", "O3", "K3")
def o3_both_say_sha1() -> Situation:
    """Both digestAlgorithms say SHA-1; message-digest and signature are of SHA-256, and good."""
    sha1 = ecdsa("sha1").digest_identifier
    changes = Changes(signed_data={"digestAlgorithms": set_of(sha1)}, signer_info={"digestAlgorithm": sha1})
    return refused("malformed", voucher(changes=changes))


@case("V1", "O3", "K3")
def o3_signature_of_another_digest() -> Situation:
    """Both digestAlgorithms say SHA-256, the signature is ECDSA with SHA-384, and good."""
    made = Algorithm(ecdsa("sha384").identifier, "sha256", ecdsa("sha384").sign)
    return refused("malformed", voucher(by=Signer(BIRCH.voucher, made)))


# SignerInfo and SignedData

_SERIAL = BIRCH.voucher.certificate.serial_number
_ISSUER = BIRCH.voucher.certificate.issuer.public_bytes()
_NAMES = {
    "another issuer": sequence(CEDAR.root.certificate.subject.public_bytes(), integer(_SERIAL)),
    "a third field": sequence(_ISSUER, integer(_SERIAL), NULL),
    "no serial number": sequence(_ISSUER),
    "the serial number as OCTET STRING": sequence(_ISSUER, octets(integer(_SERIAL)[2:])),
}


@case("V1", "O1", over=_NAMES)
def o1_signer_named_with(sid: bytes) -> Situation:
    """The signer is named with {}; the certificate that is enclosed has made the signature all the same."""
    return refused("malformed", voucher(changes=Changes(signer_info={"sid": sid})))


_DATA: dict[str, dict[str, bytes]] = {
    "content in a UTF8String": {
        "encapContentInfo": sequence(oid(names.VOUCHER_INFO), explicit(0, b"\x0c" + octets(b"text")[1:]))
    },
    "a third field of the content": {
        "encapContentInfo": sequence(oid(names.VOUCHER_INFO), explicit(0, octets(b"text")), NULL)
    },
    "its certificates as a SEQUENCE": {"certificates": sequence(BIRCH.voucher.der)},
    "an attribute certificate": {"certificates": implicit(0, set_of(implicit(2, sequence())))},
    "its digest algorithms as a SEQUENCE": {"digestAlgorithms": sequence(ecdsa("sha256").digest_identifier)},
    "its signers as a SEQUENCE": {"signerInfos": sequence(signer_info(names.VOUCHER_INFO, b"", signer(BIRCH.voucher)))},
    "no digest algorithm": {"digestAlgorithms": set_of()},
    "text for a certificate": {"certificates": implicit(0, set_of(octets(b"text")))},
}


@case("V1", "O1", over=_DATA)
def o1_signed_data_with(fields: dict[str, bytes]) -> Situation:
    """SignedData has {}."""
    return refused("malformed", voucher(changes=Changes(signed_data=fields)))


@case("V1", "O4")
def o4_two_that_nobody_names() -> Situation:
    """A response that no entry names travels along in the voucher of an authority that nobody asked for.

    O4 is a matter of form (V1), which goes before the question who was asked (V2); C3 reports the first of such.
    """
    stranger = of(CEDAR)
    more = (*stranger.responses, ocsp(BIRCH.voucher))
    made = of(CEDAR, changes=Changes(signed_data={"crls": implicit(1, set_of(*map(ocsp_info, more)))}))
    return refused("malformed", made, candidates=(BIRCH,))
