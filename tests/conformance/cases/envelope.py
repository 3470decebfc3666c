# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""V1, the CMS envelope: O1, O3 to O5, K5, I6. General CMS readers accept much of what has to be refused here."""

from tests.conformance.parts import names
from tests.conformance.parts.der import (
    NULL,
    explicit,
    implicit,
    integer,
    octets,
    oid,
    sequence,
    set_of,
    time,
    unsorted_set_of,
)
from tests.conformance.parts.signed_data import Changes, ocsp_info, sign, signer_info
from tests.conformance.parts.signed_data import signer_name as name_of
from tests.conformance.parts.signing import ecdsa, signer
from tests.conformance.parts.status import ocsp
from tests.conformance.parts.voucher import extension, extensions
from tests.conformance.registry import Situation, case
from tests.conformance.stage import BIRCH, CEDAR, GOOD, accepted, refused, voucher
from tests.pki import NOW

_BY = signer(BIRCH.voucher)
_LARGEST = 16 * 1024
_EVERY_V = [f"V{number}" for number in range(1, 12)]


def _changed(**fields: bytes) -> Situation:
    """Refuse the good voucher with fields of SignedData replaced, of which no signature speaks."""
    return refused("malformed", voucher(changes=Changes(signed_data=fields)))


def _changed_signer(**fields: bytes) -> Situation:
    return refused("malformed", voucher(changes=Changes(signer_info=fields)))


@case(*_EVERY_V, "C1", "C4", "K1", "K2", "K5", "O1", "O2", "O3", "O4", "O7", "O11", "E1", "E2", "I6", "I7")
def everything_in_order() -> Situation:
    """Birch saw the server's certificate at 198.18.0.10 five minutes ago, says so, and encloses fresh status.

        client --ClientHello [birch, cedar, dogwood], 1 wanted--> server at 198.18.0.10
        client <--alder's certificate, voucher of birch---------- server

    Every rule holds. The other cases change one thing about this one.
    """
    return accepted()


@case("V1", "I6")
def v1_not_der() -> Situation:
    """The server sends text where a voucher should be."""
    return refused("malformed", b"this is no voucher")


@case("V1", "I6")
def v1_cut_short() -> Situation:
    """The last octet of a good voucher is missing."""
    return refused("malformed", GOOD.der[:-1])


@case("V1", "I6")
def v1_trailing_octet() -> Situation:
    """One octet follows a good voucher. I6: trailing octets are refused."""
    return refused("malformed", GOOD.der + b"\0")


@case("V1", "I6")
def v1_long_length() -> Situation:
    """The outermost length is written in three octets where two suffice: BER, and not DER."""
    return refused("malformed", b"\x30\x83\0" + GOOD.der[2:])


@case("V1", "I6")
def v1_indefinite_length() -> Situation:
    """The outermost SEQUENCE has the indefinite length of BER and ends with two zero octets."""
    return refused("malformed", b"\x30\x80" + GOOD.der[4:] + b"\0\0")


@case("V1", "O1", "I6")
def v1_constructed_content() -> Situation:
    """The eContent is an OCTET STRING of pieces, as streaming CMS writers produce it: BER, and not DER."""
    pieces = b"\x24" + sequence(octets(GOOD.content[:100]), octets(GOOD.content[100:]))[1:]
    return _changed(encapContentInfo=sequence(oid(names.VOUCHER_INFO), explicit(0, pieces)))


@case("V1", "O1")
def o1_not_signed_data() -> Situation:
    """The outermost content type is id-data."""
    return refused("malformed", voucher(changes=Changes(content_info={"contentType": oid(names.DATA)})))


@case("V1", "O1")
def o1_field_after_the_content() -> Situation:
    """ContentInfo has a third field."""
    return refused("malformed", voucher(changes=Changes(content_info={"more": NULL})))


@case("V1", "O1", "K5")
def o1_another_content_type() -> Situation:
    """Birch's key signed the same octets as a report (id-ct-report), attribute and all. K5: one type is read."""
    return refused("malformed", sign(names.REPORT, GOOD.content, _BY, GOOD.responses))


@case("V1", "O1")
def o1_detached_content() -> Situation:
    """The eContent is absent, as in a detached signature."""
    return _changed(encapContentInfo=sequence(oid(names.VOUCHER_INFO)))


@case("V1", "O1", over={"1": 1, "3": 3, "6": 6})
def o1_version(number: int) -> Situation:
    """SignedData is of version {}. O1: with OCSP responses inside it is 5 (RFC 5652 section 5.1)."""
    return _changed(version=integer(number))


@case("V1", "O1")
def o1_two_digest_algorithms() -> Situation:
    """The field digestAlgorithms names SHA-256 and SHA-384. O1: exactly one."""
    both = (_BY.algorithm.digest_identifier, ecdsa("sha384").digest_identifier)
    return _changed(digestAlgorithms=set_of(*both))


@case("V1", "O1")
def o1_no_certificate() -> Situation:
    """The Voucher Authority's certificate is left out."""
    return _changed(certificates=b"")


@case("V1", "O1")
def o1_two_certificates() -> Situation:
    """Birch's root travels beside its Voucher Authority. O1: exactly one certificate."""
    return _changed(certificates=implicit(0, set_of(BIRCH.voucher.der, BIRCH.root.der)))


@case("V1", "O1")
def o1_no_signer() -> Situation:
    """The field signerInfos is empty: nobody signed."""
    return _changed(signerInfos=set_of())


@case("V1", "O1")
def o1_two_signers() -> Situation:
    """Birch and cedar both signed one voucher. O1: exactly one SignerInfo, so that nobody asks which one counts."""
    both = (signer_info(names.VOUCHER_INFO, GOOD.content, by) for by in (_BY, signer(CEDAR.voucher)))
    return _changed(signerInfos=set_of(*both))


@case("V1", "O1")
def o1_signer_named_by_key() -> Situation:
    """The signer is named by subjectKeyIdentifier, in a SignerInfo of version 3."""
    return _changed_signer(version=integer(3), sid=implicit(0, octets(bytes(20))))


@case("V1", "O1")
def o1_signer_version_3() -> Situation:
    """The SignerInfo says version 3 and names its certificate by issuer and serial number all the same."""
    return _changed_signer(version=integer(3))


@case("V1", "O1")
def o1_signer_names_another() -> Situation:
    """The signer's serial number is not that of the enclosed certificate, whose key made the signature."""
    return _changed_signer(sid=name_of(BIRCH.voucher, 4711))


@case("V1", "O3")
def o3_digests_disagree() -> Situation:
    """The field digestAlgorithms says SHA-384; the SignerInfo and the signature say SHA-256."""
    return _changed(digestAlgorithms=set_of(ecdsa("sha384").digest_identifier))


@case("V1", "O3")
def o3_signer_digest_disagrees() -> Situation:
    """The SignerInfo's digestAlgorithm says SHA-384; digestAlgorithms and the signature say SHA-256."""
    return _changed_signer(digestAlgorithm=ecdsa("sha384").digest_identifier)


@case("V1", "O3")
def o3_digest_with_null() -> Situation:
    """SHA-256 is written with parameters NULL, in both places. O3: no parameters, so that there is one encoding."""
    with_null = sequence(oid("2.16.840.1.101.3.4.2.1"), NULL)
    changes = Changes(signed_data={"digestAlgorithms": set_of(with_null)}, signer_info={"digestAlgorithm": with_null})
    return refused("malformed", voucher(changes=changes))


@case("V1", "O4")
def o4_stripped() -> Situation:
    """Somebody removed `crls` with all OCSP responses, which no signature covers. OpenSSL accepts it."""
    return _changed(crls=b"")


@case("V1", "O4")
def o4_stripped_and_renumbered() -> Situation:
    """As before, and the version is set to 3, as RFC 5652 asks of SignedData without other revocation information."""
    return _changed(crls=b"", version=integer(3))


@case("V1", "O4")
def o4_empty() -> Situation:
    """`crls` is there and holds nothing."""
    return _changed(crls=implicit(1, set_of()))


@case("V1", "O4", "I6")
def o4_unsorted() -> Situation:
    """The responses stand in falling order. DER sorts a SET OF, and no signature covers this one."""
    falling = sorted(map(ocsp_info, GOOD.responses), reverse=True)
    return _changed(crls=implicit(1, unsorted_set_of(*falling)))


@case("V1", "O4")
def o4_response_twice() -> Situation:
    """One OCSP response is enclosed twice."""
    twice = (*GOOD.responses, GOOD.responses[0])
    return _changed(crls=implicit(1, set_of(*map(ocsp_info, twice))))


@case("V1", "O4")
def o4_response_that_nobody_names() -> Situation:
    """A response about cedar's Voucher Authority travels along, which no statusEvidence names.

    O4: the responses that statusEvidence names, and exactly one for the VA certificate.
    """
    more = (*GOOD.responses, ocsp(CEDAR.voucher))
    return _changed(crls=implicit(1, set_of(*map(ocsp_info, more))))


@case("V1", "O4")
def o4_another_format() -> Situation:
    """One entry of `crls` is an SCVP response by its type (RFC 5940 section 2.2)."""
    first, *others = GOOD.responses
    return _changed(crls=implicit(1, set_of(ocsp_info(first, names.RI_SCVP), *map(ocsp_info, others))))


@case("V1", "O4")
def o4_a_crl() -> Situation:
    """`crls` holds a CertificateList beside the responses. O4: only other revocation information."""
    body = sequence(integer(1), ecdsa("sha256").identifier, BIRCH.root.certificate.subject.public_bytes(), time(NOW))
    crl = sequence(body, ecdsa("sha256").identifier, b"\x03\x01\0")
    return _changed(crls=implicit(1, set_of(crl, *map(ocsp_info, GOOD.responses))))


@case("V1", "O5", over={"16384": _LARGEST, "16385": _LARGEST + 1})
def o5_octets(size: int) -> Situation:
    """The voucher has {} octets, because of an extension that nobody needs to know. O5: at most 16 KiB."""
    filling = size - len(GOOD.der)
    while len((grown := voucher(info={"extensions": extensions(extension(bytes(filling)))})).der) != size:
        filling += size - len(grown.der)
    return accepted(grown) if size == _LARGEST else refused("malformed", grown)
