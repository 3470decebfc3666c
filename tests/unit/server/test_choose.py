"""Rule T6: whose vouchers, in which order, how many, and what goes before what."""

from dataclasses import replace
from datetime import timedelta

from mecai.protocol.codec.tls_answer import decode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.server.choose import choose
from mecai.server.items import VoucherItem
from tests.pki import NOW
from tests.scene import ADDRESS

A, B, C = (letter * 8 for letter in (b"a", b"b", b"c"))
HERE, ELSEWHERE = ADDRESS, bytes(4)


def item(authority: bytes, der: bytes | None = None, **more: object) -> VoucherItem:
    whole = VoucherItem(
        der or authority, (der or authority).ljust(32), authority, (HERE,), ("MOZ",), NOW + timedelta(hours=1)
    )
    return replace(whole, **more)  # type: ignore[arg-type]  # fields by name


SHELF = (item(A), item(B), item(C))


def chosen(request: RequestExtension, *items: VoucherItem, room: int = 7168) -> tuple[bytes, ...] | None:
    answer = choose(request, items or SHELF, (HERE,), NOW, room)
    assert answer is None or len(answer) <= room
    return None if answer is None else decode_vouchers(answer)


def test_candidates_in_the_clients_order_up_to_its_quorum() -> None:
    assert chosen(RequestExtension(2, (C, A, B))) == (C, A)


def test_what_is_not_there_gives_way_to_the_next() -> None:
    assert chosen(RequestExtension(2, (b"unheard.", B, A))) == (B, A)
    assert chosen(RequestExtension(1, (b"unheard.",))) is None


def test_what_lives_for_less_than_600_seconds_is_not_sent() -> None:
    request = RequestExtension(1, (A, B))
    assert chosen(request, item(A, next_update=NOW + timedelta(seconds=599)), item(B)) == (B,)
    assert chosen(request, item(A, next_update=NOW + timedelta(seconds=600)), item(B)) == (A,)


def test_a_cached_one_counts_and_is_not_sent() -> None:
    assert chosen(RequestExtension(2, (A, B, C), cached=(A.ljust(32),))) == (B,)
    assert chosen(RequestExtension(1, (A, B, C), cached=(A.ljust(32),))) == ()
    assert chosen(RequestExtension(1, (A,), cached=(B.ljust(32),))) == (A,)


def test_contexts_filter_and_none_is_no_filter() -> None:
    items = item(A, contexts=("ALT",)), item(B)
    assert chosen(RequestExtension(1, (A, B), ("MOZ", "X")), *items) == (B,)
    assert chosen(RequestExtension(1, (A, B)), *items) == (A,)


def test_what_lists_this_servers_address_goes_first() -> None:
    far, near = item(A, b"far", addresses=(ELSEWHERE,)), item(A, b"near", addresses=(ELSEWHERE, HERE))
    assert chosen(RequestExtension(1, (A,)), far, near) == (b"near",)
    assert chosen(RequestExtension(1, (A,)), far) == (b"far",)


def test_what_does_not_fit_is_left_out_to_the_octet() -> None:
    large, small = item(A, b"l" * 600), item(B, b"s" * 100)
    request = RequestExtension(1, (A, B))
    assert chosen(request, large, small, room=2 + 2 + 600) == (b"l" * 600,)
    assert chosen(request, large, small, room=2 + 2 + 599) == (b"s" * 100,)
    assert chosen(RequestExtension(2, (A, B)), large, small, room=2 + 2 + 600 + 2 + 99) == (b"l" * 600,)
