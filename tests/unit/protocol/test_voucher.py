"""VoucherInfo: rules O7 to O14, E1, E2, E5 from both sides, and strict DER (I6, I7)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat import asn1
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.codec import der
from mecai.protocol.objects import voucher_info as voucher
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher_info import Extension, VoucherInfo
from tests.pki import NOW, Hierarchy
from tests.scene import Scene
from tests.unit.protocol.strategies import changed, parsed, voucher_infos

INFO = Scene().info(Hierarchy("birch"))
DER = INFO.encode()
SECOND = timedelta(seconds=1)


def raw(**changes: Any) -> bytes:
    """Encode INFO with changes that the value object would not let pass."""
    value = der.decode(voucher._VoucherInfo, DER, "VoucherInfo", len(DER))
    for name, change in changes.items():
        setattr(value, name, change)
    return der.encode(value)


@given(voucher_infos())
def test_round_trip(info: VoucherInfo) -> None:
    assert VoucherInfo.decode(info.encode()) == info


@given(st.binary(max_size=400))
def test_any_octets_are_malformed_and_nothing_else(octets: bytes) -> None:
    with pytest.raises(Malformed):
        VoucherInfo.decode(octets)


@given(changed(DER))
def test_a_changed_octet_is_malformed_or_another_voucher(octets: bytes) -> None:
    info = parsed(VoucherInfo.decode, octets)
    assert info is None or info.encode() == octets


def test_an_independent_parser_reads_the_same_fields() -> None:
    """asn1crypto as a witness: the order and the types of the specification's ASN.1."""
    fields = core.Sequence.load(DER, strict=True)  # type: ignore[no-untyped-call]  # asn1crypto has no types
    assert [type(fields[index]).__name__ for index in range(13)] == [
        "Integer",
        "OctetString",
        "Integer",
        "OctetString",
        "Sequence",
        "Sequence",
        "Integer",
        "GeneralizedTime",
        "GeneralizedTime",
        "Sequence",
        "Boolean",
        "Integer",
        "Sequence",
    ]
    assert fields[1].native == INFO.authority
    assert fields[8].native == INFO.next_update
    assert type(fields[12][0][1]).__name__ == "Enumerated"


@pytest.mark.parametrize(
    "octets",
    [
        DER + b"\0",
        DER[:-1],
        b"\x30\x80" + DER[4:] + b"\0\0",
        b"\x30\x83\x00" + DER[2:],
        DER.replace(b"\x01\x01\xff", b"\x01\x01\x01"),
        DER.replace(b"\x02\x01\x01", b"\x02\x02\x00\x01", 1),
        bytes(17 * 1024),
    ],
    ids=["trailing", "short", "indefinite", "long length", "BER boolean", "long integer", "too large"],
)
def test_only_der_within_the_limit_is_read(octets: bytes) -> None:
    with pytest.raises(Malformed):
        VoucherInfo.decode(octets)


@pytest.mark.parametrize(
    "changes",
    [
        {"serial_number": 1},
        {"serial_number": (1 << 128) - 1},
        {"addresses": tuple(bytes((10, 0, 0, last)) for last in range(16))},
        {"addresses": (bytes(16),)},
        {"probed_port": 1},
        {"probed_port": 1023},
        {"trust_contexts": ()},
        {"trust_contexts": ("A", "Z-9", "X" * 32)},
        {"perspectives": 255},
        {"intermediates_matched": False},
        {"next_update": INFO.this_update + SECOND},
        {"extensions": (Extension("1.2.3", critical=False, value=b"x"),)},
    ],
    ids=str,
)
def test_the_edge_of_what_is_allowed(changes: dict[str, Any]) -> None:
    info = replace(INFO, **changes)
    assert VoucherInfo.decode(info.encode()) == info


@pytest.mark.parametrize(
    "changes",
    [
        {"authority": bytes(7)},
        {"serial_number": 0},
        {"serial_number": -1},
        {"serial_number": 1 << 128},
        {"certificate_hash": bytes(31)},
        {"addresses": ()},
        {"addresses": tuple(bytes((10, 0, 0, last)) for last in range(17))},
        {"addresses": (bytes(4), bytes(4))},
        {"addresses": (bytes(5),)},
        {"addresses": (bytes(10) + b"\xff\xff" + bytes(4),)},
        {"probed_port": 0},
        {"probed_port": 1024},
        {"next_update": INFO.this_update},
        {"this_update": INFO.this_update.replace(tzinfo=None), "next_update": INFO.next_update.replace(tzinfo=None)},
        {"this_update": INFO.this_update.replace(microsecond=1)},
        {"trust_contexts": ("MOZ", "MOZ")},
        {"trust_contexts": ("moz",)},
        {"trust_contexts": ("",)},
        {"trust_contexts": ("X" * 33,)},
        {"trust_contexts": tuple(f"C{number}" for number in range(33))},
        {"perspectives": 0},
        {"perspectives": 256},
        {"status_evidence": INFO.status_evidence[:1]},
        {"status_evidence": INFO.status_evidence[::-1]},
        {"status_evidence": (*INFO.status_evidence, INFO.status_evidence[0])},
        {"intermediate_hashes": INFO.intermediate_hashes * 2, "status_evidence": INFO.status_evidence[:1]},
        {"extensions": (Extension("1.2.3", critical=True, value=b""),)},
        {"extensions": (Extension("1.2.3", critical=False, value=b""),) * 2},
        {"extensions": tuple(Extension(f"1.2.{leaf}", critical=False, value=b"") for leaf in range(17))},
    ],
    ids=str,
)
def test_beyond_the_edge(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        replace(INFO, **changes).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"version": 2},
        {"extensions": []},
        {"extensions": [voucher._Extension(identifier=x509.ObjectIdentifier("1.2.3"), critical=True, value=b"")]},
        {"serial_number": 0},
        {"probed_port": 70000},
    ],
    ids=str,
)
def test_decoding_holds_the_same_edges(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        VoucherInfo.decode(raw(**changes))


def test_nine_intermediates_are_too_many() -> None:
    hashes = [bytes([number]) * 32 for number in range(9)]
    with pytest.raises(Malformed):
        VoucherInfo.decode(raw(intermediate_hashes=hashes))


def test_a_time_with_a_fraction_is_malformed() -> None:
    time = asn1.GeneralizedTime(NOW.replace(microsecond=500_000))
    with pytest.raises(Malformed, match="fraction"):
        VoucherInfo.decode(raw(this_update=time))


def test_a_time_in_the_year_zero_is_malformed() -> None:
    """ASN.1 has a year 0, Python has none."""
    octets = DER.replace(f"{INFO.this_update:%Y%m%d%H%M%S}Z".encode(), b"00000101000000Z", 1)
    assert octets != DER
    with pytest.raises(Malformed, match="no valid DER"):
        VoucherInfo.decode(octets)


def test_an_unknown_method_is_malformed() -> None:
    value = der.decode(voucher._VoucherInfo, DER, "VoucherInfo", len(DER))
    value.status_evidence[0].method = der.opaque(b"\x0a\x01\x03")
    with pytest.raises(Malformed, match="method"):
        VoucherInfo.decode(der.encode(value))


def evidence(**changes: Any) -> StatusEvidence:
    return replace(INFO.status_evidence[0], **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": EvidenceMethod.SHORT_LIVED},
        {"evidence_hash": None},
        {"method": EvidenceMethod.CRL, "evidence_hash": None},
        {"evidence_hash": bytes(31)},
        {"next_update": INFO.status_evidence[0].this_update},
    ],
    ids=str,
)
def test_evidence_that_contradicts_itself(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        evidence(**changes)


def test_short_lived_is_for_the_end_entity_only() -> None:
    short = replace(INFO.status_evidence[1], method=EvidenceMethod.SHORT_LIVED, evidence_hash=None)
    with pytest.raises(Malformed, match="end entity only"):
        replace(INFO, status_evidence=(INFO.status_evidence[0], short))
    first = replace(INFO.status_evidence[0], method=EvidenceMethod.SHORT_LIVED, evidence_hash=None)
    assert replace(INFO, status_evidence=(first, INFO.status_evidence[1])).encode()
