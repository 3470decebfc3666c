"""Whatever a server sends, the judgement ends in a verdict."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mecai.client.verdict import Demand, judge
from mecai.errors import VerificationError
from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.verify.connection import Policy
from mecai.tls import Facts
from tests.scene import HOST
from tests.unit.client.world import World

world = World()
VOUCHER = world.local_voucher("birch")
DEMAND = Demand(
    directory=world.directory,
    policy=Policy(tuple(authority.authority for authority in world.directory.authorities)),
    server_name=HOST,
    peer_address="127.0.0.1",
)
FACTS = Facts("TLSv1.3", "TLS_AES_128_GCM_SHA256", world.site.chain_der, world.staple, False, False)


def refusal(demand: Demand, answer: bytes | None, facts: Facts) -> str:
    with pytest.raises(VerificationError) as caught:
        judge(demand, answer, facts, world.now)
    return caught.value.reason


def changed(data: bytes, index: int, value: int) -> bytes:
    """Return `data` with one octet changed for certain."""
    index %= len(data)
    return data[:index] + bytes([data[index] ^ value]) + data[index + 1 :]


def test_a_good_voucher_and_who_gave_it() -> None:
    (vouched,) = judge(DEMAND, encode_vouchers([VOUCHER]), FACTS, world.now).vouched
    assert vouched.authority.name == "birch"


@pytest.mark.filterwarnings("ignore")  # a changed certificate may be one that the library warns of
@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_voucher_raises_nothing_but_a_refusal(index: int, value: int) -> None:
    """Or it is accepted: the octet that counts the unused bits of an OCSP signature says nothing and is not signed."""
    with suppress(VerificationError):
        judge(DEMAND, encode_vouchers([changed(VOUCHER, index, value)]), FACTS, world.now)


def test_a_certificate_of_an_unknown_version_is_malformed() -> None:
    version_3, version_19 = bytes.fromhex("a003020102"), bytes.fromhex("a003020112")
    assert refusal(DEMAND, encode_vouchers([VOUCHER.replace(version_3, version_19)]), FACTS) == "malformed"


@given(st.binary(max_size=80))
def test_any_octets_as_an_answer(answer: bytes) -> None:
    assert refusal(DEMAND, answer, FACTS) in {"malformed", "no-voucher"}


def test_any_chain() -> None:
    for chain in ((), (b"",), (b"0",), world.site.chain_der[1:], world.site.chain_der * 8):
        assert refusal(DEMAND, encode_vouchers([VOUCHER]), replace(FACTS, chain=chain)) == "untrusted"


def test_a_link_local_peer_has_a_zone_and_no_voucher() -> None:
    assert (
        refusal(replace(DEMAND, peer_address="fe80::1%eth0"), encode_vouchers([VOUCHER]), FACTS) == "address-mismatch"
    )


def test_a_connection_without_a_name() -> None:
    assert refusal(replace(DEMAND, server_name=None), encode_vouchers([VOUCHER]), FACTS) == "untrusted"


def test_a_peer_without_an_address() -> None:
    assert refusal(replace(DEMAND, peer_address=None), encode_vouchers([VOUCHER]), FACTS) == "address-unknown"


def test_an_expired_directory_vouches_for_nobody() -> None:
    late = replace(world.directory, expires=world.now - timedelta(seconds=1))
    assert refusal(replace(DEMAND, directory=late), encode_vouchers([VOUCHER]), FACTS) == "directory-expired"
