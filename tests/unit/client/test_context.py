"""`VoucherContext` in memory: the verdict falls after the handshake and before any application byte."""

import logging
import ssl
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv6Network

import pytest

from mecai.client import ClientPolicy, Outcome, Refused, Verdict, VoucherContext, VoucherObject, peer
from mecai.client.draws import DRAW_STANDS
from mecai.client.gate import deferred
from mecai.client.regional import RegionalEntry
from mecai.errors import InputError
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST, RequestExtension
from tests.pki import DAY, HOUR, Hierarchy
from tests.scene import HOST
from tests.unit.client.world import World
from tests.unit.tls.memory import Extension, Pair, server_context, stapling_server

KEY = bytes(range(32))
world = World()


def client(**settings: object) -> VoucherContext:
    policy = ClientPolicy(**settings)  # type: ignore[arg-type]  # a test names the keys it needs
    return VoucherContext(policy, world.directory, KEY, clock=lambda: world.now)


def server(answer: bytes | None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    return stapling_server(world.site, answer, version)


def connect(context: VoucherContext, answering: ssl.SSLContext, address: str | None = "127.0.0.1") -> Verdict:
    """Shake hands in memory; returns the verdict, also that of a refusal."""
    pair = Pair(context, answering)
    with peer(address):
        try:
            pair.handshake()
        except Refused as refusal:
            return refusal.verdict
    assert isinstance(pair.client, VoucherObject)
    assert pair.client.verdict is not None
    return pair.client.verdict


def named(context: VoucherContext) -> list[str]:
    """Names of the authorities that this client asks for the test's host, in its order."""
    found = [context.directory.find(candidate) for candidate in context.chooser.candidates(HOST)]
    return [authority.name for authority in found if authority]


def vouching(context: VoucherContext) -> list[str]:
    """Those of them that may vouch for a site of alder."""
    return [name for name in named(context) if name != "alder"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_good_voucher_is_accepted(version: ssl.TLSVersion) -> None:
    context = client()
    verdict = connect(context, server(world.answer(vouching(context)[0]), version))
    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, None)
    assert [vouched.authority.name for vouched in verdict.vouched] == vouching(context)[:1]
    assert verdict.candidates == context.chooser.candidates(HOST)


_UNREADABLE = {
    "length": b"\0\2\0\1",
    "trailing octet": b"\0\0\0",
    "empty voucher": b"\0\2\0\0",
    "nothing": b"",
    "64001 octets": b"\xfa\x01\xf9\xff" + bytes(63_999),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("answer", _UNREADABLE.values(), ids=_UNREADABLE)
def test_an_answer_that_cannot_be_read_ends_the_handshake_with_decode_error(
    answer: bytes, version: ssl.TLSVersion
) -> None:
    """T4, T7: an alert for the server, a verdict for the program, however often it asks."""
    pair = Pair(client(), server(answer, version))
    with peer("127.0.0.1"), pytest.raises(Refused) as caught:
        pair.handshake()
    with pytest.raises(Refused):
        pair.client.do_handshake()
    assert (caught.value.verdict.reason, caught.value.verdict.rule) == ("malformed", "T4")
    with pytest.raises(ssl.SSLError, match=r"(?i)decode.error"):
        pair.server.do_handshake()


def test_whoever_promised_the_verdict_hears_of_an_answer_that_cannot_be_read() -> None:
    """As asyncio does: a handshake that only failed would be no refusal, and be tried again at another address (M2)."""
    pair = Pair(client(direct="unstapled"), server(_UNREADABLE["length"]))
    with peer("127.0.0.1", 443), deferred(), pytest.raises(Refused, match="malformed"):
        pair.handshake()
    with pytest.raises(Refused):
        pair.client.read()


def test_under_warn_an_answer_that_cannot_be_read_ends_nothing() -> None:
    """M1: the verdict is shown and never acted upon."""
    verdict = connect(client(mode="warn"), server(_UNREADABLE["length"]))
    assert (verdict.outcome, verdict.reason) == (Outcome.WARNED, "malformed")


def test_another_failure_of_the_handshake_is_no_verdict() -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        connect(client(), server_context(Hierarchy("elm", world.now).server(HOST)))
    assert not isinstance(caught.value, Refused)


@pytest.mark.parametrize(("contexts", "told"), [(("APL",), ("APL",)), (None, ("MOZ",)), ((), ())])
def test_what_is_sent_is_the_choice_of_the_policy(contexts: tuple[str, ...] | None, told: tuple[str, ...]) -> None:
    """By default the context is the directory's own (X5)."""
    context = client(profile="strict", contexts=contexts)
    answering = server_context(world.site)
    seen = Extension().install(answering, VOUCHER_REQUEST).seen
    connect(context, answering)
    assert [RequestExtension.decode(data) for data in seen] == [
        RequestExtension(2, context.chooser.candidates(HOST), told)
    ]


def test_a_voucher_of_another_context_is_refused_unless_none_is_demanded() -> None:
    elsewhere = replace(world.directory, context="APL")
    for contexts, reason in ((None, "context-missing"), ((), None)):
        context = VoucherContext(ClientPolicy(contexts=contexts), elsewhere, KEY, clock=lambda: world.now)
        assert connect(context, server(world.answer(vouching(context)[0]))).reason == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "no-voucher"),
        (b"\0\0", "no-voucher"),
        (b"\0\2\0\1", "malformed"),
        (world.answer("alder"), "self-endorsed"),
    ],
)
def test_anything_less_is_refused(answer: bytes | None, reason: str) -> None:
    verdict = connect(client(profile="strict"), server(answer))
    assert (verdict.outcome, verdict.reason, verdict.vouched) == (Outcome.REFUSED, reason, ())


@pytest.mark.parametrize("selection", ["sticky", "random"])
@pytest.mark.parametrize(
    ("mode", "outcome", "reason"),
    [
        ("enforce", Outcome.REFUSED, "untrusted"),
        ("warn", Outcome.WARNED, "untrusted"),
        ("off", Outcome.WARNED, "not-checked"),
    ],
)
def test_what_is_no_host_name_is_judged_like_another(selection: str, mode: str, outcome: Outcome, reason: str) -> None:
    """M1: under `warn` and `off` the handshake goes on; `ssl` itself takes such names."""
    name = "a_b.example.test"
    answering = stapling_server(world.alder.server(name), world.answer("birch"))
    pair = Pair(client(selection=selection, mode=mode), answering, name)
    with peer("127.0.0.1"), nullcontext() if mode != "enforce" else pytest.raises(Refused, match="a_b"):
        pair.handshake()
    assert isinstance(pair.client, VoucherObject)
    assert pair.client.verdict is not None
    assert (pair.client.verdict.outcome, pair.client.verdict.reason) == (outcome, reason)


def test_an_authority_that_was_not_asked_is_no_witness() -> None:
    context = client()
    (left_out,) = {"alder", "birch", "cedar", "dogwood"} - set(named(context))
    assert connect(context, server(world.answer(left_out))).reason == "not-a-candidate"


def test_strict_needs_two() -> None:
    context = client(profile="strict")
    assert connect(context, server(world.answer("birch"))).reason == "quorum"
    assert connect(context, server(world.answer("birch", "cedar"))).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("address", "reason"),
    [("::1", None), ("::ffff:127.0.0.1", None), ("127.0.0.2", "address-mismatch"), (None, "address-unknown")],
)
def test_the_address_counts(address: str | None, reason: str | None) -> None:
    context = client()
    assert connect(context, server(world.answer(*vouching(context))), address).reason == reason


def test_a_translated_address_counts_as_the_one_behind_it() -> None:
    context = client(nat64_prefixes=(IPv6Network("2001:db8:64::/96"),))
    assert connect(context, server(world.answer(*vouching(context))), "2001:db8:64::7f00:1").reason is None


def test_nothing_is_known_of_an_address_that_nobody_told() -> None:
    context = client()
    pair = Pair(context, server(world.answer(*vouching(context))))
    with pytest.raises(Refused, match="address-unknown"):
        pair.handshake()


def test_warn_judges_and_lets_pass(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mecai.client"):
        verdict = connect(client(mode="warn"), server(None))
    assert (verdict.outcome, verdict.reason) == (Outcome.WARNED, "no-voucher")
    assert "no-voucher" in caplog.text
    assert HOST in caplog.text


def test_off_sends_nothing_and_judges_nothing() -> None:
    answering = server_context(world.site)
    seen = Extension().install(answering, VOUCHER_REQUEST).seen
    verdict = connect(client(mode="off"), answering)
    assert (verdict.outcome, verdict.reason, seen) == (Outcome.WARNED, "not-checked", [])


@pytest.mark.parametrize("mode", ["off", "warn", "enforce"])
def test_ordinary_validation_holds_in_every_mode(mode: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)hostname mismatch"):
        Pair(client(mode=mode), server(None), "other.example.test").handshake()


def test_a_root_that_the_program_adds_helps_nobody() -> None:
    stranger = Hierarchy("stranger", world.now)
    context = client()
    context.load_verify_locations(cadata=stranger.root.der)
    verdict = connect(context, server_context(stranger.server(HOST)))
    assert (verdict.outcome, verdict.reason) == (Outcome.REFUSED, "untrusted")


def test_no_application_byte_before_the_verdict() -> None:
    """A program that forgets the handshake gets it, and the verdict, at its first write or read."""
    pair = Pair(client(), server(None))
    with peer("127.0.0.1"):
        with pytest.raises(ssl.SSLWantReadError):
            pair.client.write(b"secret")
        finish(pair)
        with pytest.raises(Refused):
            pair.client.write(b"secret")
    finish(pair)
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.read()


def test_a_refused_connection_stays_refused() -> None:
    pair = Pair(client(), server(None))
    with peer("127.0.0.1"), pytest.raises(Refused):
        pair.handshake()
    for use in (pair.client.do_handshake, pair.client.read, lambda: pair.client.write(b"x")):
        with pytest.raises(Refused, match="no-voucher"):
            use()


def test_bytes_flow_after_an_accepted_handshake() -> None:
    context = client()
    pair = Pair(context, server(world.answer(*vouching(context))))
    with peer("127.0.0.1"):
        pair.handshake()
    pair.client.write(b"hello")
    assert pair.server.read() == b"hello"
    pair.server.write(b"and you")
    assert pair.client.read() == b"and you"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_is_refused(version: ssl.TLSVersion) -> None:
    context = client()
    context.options &= ~ssl.OP_NO_TICKET
    answering = server(world.answer(*vouching(context)), version)
    first = Pair(context, answering)
    with peer("127.0.0.1"):
        first.handshake()
        first.server.write(b"tickets come with this")
        first.client.read()
        second = Pair(context, answering)
        second.client.session = first.client.session
        with pytest.raises(Refused, match="no-voucher"):
            second.handshake()


def test_a_directory_may_run_out_while_the_context_lives() -> None:
    late = VoucherContext(ClientPolicy(), world.directory, KEY, clock=lambda: world.now + 8 * DAY)
    assert connect(late, server(world.answer("birch", "cedar", "dogwood"))).reason == "directory-expired"


def test_a_voucher_runs_out_by_the_clock_of_the_context() -> None:
    late = VoucherContext(ClientPolicy(profile="strict"), world.directory, KEY, clock=lambda: world.now + 24 * HOUR)
    assert connect(late, server(world.answer("birch", "cedar"))).reason == "expired"


def test_a_shorter_life_may_be_demanded() -> None:
    context = client(max_voucher_hours=12)
    assert connect(context, server(world.answer(*vouching(context)))).rule == "V7"


def test_a_directory_with_too_few_owners_is_no_weaker_policy() -> None:
    few = replace(world.directory, authorities=world.directory.authorities[:1])
    with pytest.raises(InputError, match="of 1 owner groups, profile strict needs 2"):
        VoucherContext(ClientPolicy(profile="strict"), few, KEY)


def test_a_refusal_is_a_certificate_error_to_every_program() -> None:
    pair = Pair(client(), server(None))
    with peer("127.0.0.1"), pytest.raises(ssl.SSLCertVerificationError) as caught:
        pair.handshake()
    assert (caught.value.reason, caught.value.library) == ("no-voucher", "MECAI")
    assert "no-voucher (C1)" in str(caught.value)


def test_random_selection_is_drawn_anew() -> None:
    context = client(selection="random")
    drawn = set()
    for _ in range(60):
        drawn.add(context.chooser.candidates(HOST))
        context.chooser.draw_anew(HOST)
    assert len(drawn) > 1


def test_no_other_draw_comes_of_what_makes_a_client_forget() -> None:
    """Connections elsewhere, as many as it remembers, and the name in another form."""
    context = VoucherContext(ClientPolicy(selection="random"), world.directory, KEY, clock=lambda: world.now)
    named = set()
    for name in (HOST, HOST.upper(), f"{HOST}.", *(f"{number}.example.test" for number in range(300)), HOST):
        made = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
        attempt = context.begin(made._sslobj, name, "127.0.0.1")  # type: ignore[attr-defined]
        assert attempt.extension is not None
        if name.lower().startswith(HOST):
            named.add(attempt.extension.candidates)
    assert len(named) == 1


def _choices(context: VoucherContext, answer: bytes | None, times: int) -> set[bytes]:
    """Connect some times; returns the different choices that the server saw."""
    answering = server(answer)
    seen = Extension().install(answering, VOUCHER_REQUEST).seen
    for _ in range(times):
        connect(context, answering)
    return set(seen)


def test_a_draw_stands_until_a_connection_is_accepted() -> None:
    """S3: whoever ends connections until he likes the draw gets no other; an accepted one is the end of it."""
    assert len(_choices(client(selection="random"), None, 8)) == 1
    assert len(_choices(client(selection="random"), world.answer("birch", "cedar", "dogwood"), 20)) > 1


def test_a_draw_stands_for_two_minutes_and_no_longer() -> None:
    """Else a server without vouchers of these authorities would never be reached."""
    now = world.now
    context = VoucherContext(ClientPolicy(selection="random"), world.directory, KEY, clock=lambda: now)
    drawn = set()
    for _ in range(20):
        before = _choices(context, None, 1)
        now += DRAW_STANDS - timedelta(seconds=1)
        assert _choices(context, None, 1) == before
        now += timedelta(seconds=1)
        drawn |= before
    assert len(drawn) > 1


def finish(pair: Pair) -> None:
    """Let the server answer what it has."""
    try:
        pair.server.do_handshake()
    except ssl.SSLWantReadError:
        return


def regional(*entries: RegionalEntry, **settings: object) -> VoucherContext:
    """Make a client of a directory whose birch and cedar are in a region of their own, BC."""
    there = {"birch": "BC", "cedar": "BC"}
    authorities = tuple(replace(each, region=there.get(each.name, each.region)) for each in world.directory.authorities)
    policy = ClientPolicy(regional=entries, **settings)  # type: ignore[arg-type]  # a test names the keys it needs
    return VoucherContext(policy, replace(world.directory, authorities=authorities), KEY, clock=lambda: world.now)


@pytest.mark.parametrize("selection", ["sticky", "random"])
def test_a_destination_has_no_authority_of_the_regions_that_its_user_leaves_out(selection: str) -> None:
    context = regional(RegionalEntry((HOST,), ("BC",)), selection=selection)
    assert set(named(context)) == {"alder", "dogwood"}
    elsewhere = {context.directory.find(each) for each in context.chooser.candidates("elsewhere.test")}
    assert len(elsewhere) == 3


def test_the_longest_domain_says_which_regions_are_left_out() -> None:
    parent = HOST.partition(".")[2]
    context = regional(RegionalEntry((parent,), ("BC",)), RegionalEntry((HOST,), ("EU",)))
    assert set(named(context)) == {"birch", "cedar"}
    assert {context.directory.find(each).name for each in context.chooser.candidates(f"other.{parent}")} == {  # type: ignore[union-attr]
        "alder",
        "dogwood",
    }


def test_regions_that_leave_too_few_to_vouch_are_an_error_of_configuration() -> None:
    with pytest.raises(
        InputError, match=f"has Voucher Authorities of 0 owner groups for {HOST}, some regions left out"
    ):
        regional(RegionalEntry((HOST,), ("BC", "EU")))
