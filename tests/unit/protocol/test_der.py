"""Strict DER (rule I6): what the schema parser accepts re-encodes to the same octets, always."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from hypothesis import given
from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.codec import der, signed_data
from mecai.protocol.objects import voucher_info as voucher
from mecai.protocol.objects.request import VoucherRequest, _VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from tests.pki import NOW
from tests.scene import ADDRESS, HOST, Scene
from tests.unit.protocol.strategies import changed, parsed

SCENE = Scene()
VOUCHER = SCENE.voucher(SCENE.birch)
INFO = parse_voucher(VOUCHER).signed.content
REQUEST = VoucherRequest(SCENE.site.der, SCENE.site.chain_der[1:], (ADDRESS,), 443, HOST, b"succession").encode()
SCHEMAS: list[tuple[type[object], bytes]] = [
    (signed_data.ContentInfo, VOUCHER),
    (voucher._VoucherInfo, INFO),
    (_VoucherRequest, REQUEST),
]


@asn1.sequence
class Everything:
    """One field of each kind that the protocol's schemas have."""

    truth: bool
    number: int
    octets: bytes
    name: x509.ObjectIdentifier
    time: asn1.GeneralizedTime
    texts: list[asn1.PrintableString]
    mixed: asn1.SetOf[bytes]
    opaque: asn1.TLV


FIELDS = {
    "truth": "0101ff",
    "number": "020104",
    "octets": "0402abcd",
    "name": "06032a0304",
    "time": "180f32303236303330323132303030305a",
    "texts": "3003130141",
    "mixed": "3106040101040102",
    "opaque": "0500",
}


def encoded(**changes: str) -> bytes:
    """Encode `Everything` with some fields written otherwise, in hex."""
    body = b"".join(bytes.fromhex(text) for text in {**FIELDS, **changes}.values())
    return bytes((0x30, len(body))) + body


def decode(octets: bytes) -> Everything:
    return der.decode(Everything, octets, "Everything", 200)


def test_der_is_read() -> None:
    value = decode(encoded())
    assert (value.truth, value.number, value.time.as_datetime()) == (True, 4, NOW)
    assert der.encode(value) == encoded()


@pytest.mark.parametrize(
    "changes",
    [
        {"truth": "010101"},
        {"truth": "0102ffff"},
        {"number": "02020004"},
        {"number": "0202ffff"},
        {"number": "0200"},
        {"number": "02810104"},
        {"number": "0282000104"},
        {"octets": "24040402abcd"},
        {"octets": "24800402abcd0000"},
        {"name": "06042a800304"},
        {"name": "06032a0384"},
        {"name": "0600"},
        {"time": "181132303236303330323132303030302e305a"},
        {"time": "180d3230323630333032313230305a"},
        {"time": "181332303236303330323132303030302b30303030"},
        {"time": "180e3230323630333032313230303030"},
        {"time": "180f32303236303233303132303030305a"},
        {"texts": "300313012a"},
        {"texts": "30801301410000"},
        {"mixed": "3106040102040101"},
        {"opaque": "1f0500"},
        {"opaque": "0580"},
        {"opaque": "058100"},
    ],
    ids=str,
)
def test_what_is_ber_but_not_der_is_malformed(changes: dict[str, str]) -> None:
    with pytest.raises(Malformed, match="Everything"):
        decode(encoded(**changes))


def test_a_fault_is_told_in_plain_words() -> None:
    with pytest.raises(Malformed) as caught:
        decode(encoded()[:-1])
    assert caught.value.detail == "Everything: no valid DER of such a structure"


def test_size_and_trailing_octets() -> None:
    with pytest.raises(Malformed, match="no valid DER"):
        decode(encoded() + b"\0")
    with pytest.raises(Malformed, match="more than the 10"):
        der.decode(Everything, encoded(), "Everything", 10)


@pytest.mark.parametrize(("schema", "octets"), SCHEMAS, ids=lambda item: getattr(item, "__name__", ""))
@given(data=st.data())
def test_whatever_is_accepted_re_encodes_to_the_same_octets(
    schema: type[object], octets: bytes, data: st.DataObject
) -> None:
    mutant = data.draw(changed(octets))
    value = parsed(lambda item: der.decode(schema, item, "object", len(item)), mutant)
    assert value is None or der.encode(value) == mutant


def test_times_are_whole_seconds() -> None:
    with pytest.raises(Malformed, match="whole seconds"):
        der.generalized(NOW + timedelta(microseconds=1))
