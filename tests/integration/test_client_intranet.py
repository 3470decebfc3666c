"""Rule M4: a private network's servers are held to its own CA, whose status is proved each time."""

import socket
import ssl
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mecai.client import ClientPolicy, Outcome, Refused, Verdict, VoucherContext
from mecai.client.intranet import PrivateNetwork
from mecai.errors import HostError, InputError, VerificationError
from mecai.protocol.codec.tls_answer import VOUCHER, encode_vouchers
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from mecai.service.deadline import Deadline
from mecai.tls import Facts, UnsupportedRuntimeError
from tests.integration.intranet_client import (
    LOOPBACK,
    VOUCHED,
    client,
    corp,
    every_name_is_loopback,
    judged,
    serve,
    site_of,
    world,
)
from tests.integration.private_network import NAME, Responder, entry
from tests.patience import SECONDS, standing
from tests.pki import HOUR, Issued
from tests.scene import HOST
from tests.unit.tls.memory import Pair, server_context

__all__ = ["corp", "every_name_is_loopback", "serve"]

MINUTE = timedelta(minutes=1)


def ways(verdict: Verdict) -> list[str]:
    return [proof.way.value for proof in verdict.grounds.proofs]


def test_what_is_not_stapled_is_fetched_and_kept(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    context, port = client(corp, tmp_path), serve(site_of(corp))
    first, second = judged(context, port), judged(context, port)
    assert (first.outcome, first.intranet, ways(first)) == (Outcome.ACCEPTED, True, ["fetched", "fetched"])
    assert (second.outcome, ways(second)) == (Outcome.ACCEPTED, ["remembered", "remembered"])
    assert corp.asked == 2


def test_what_was_fetched_is_kept_for_ten_minutes(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    policy, moments = ClientPolicy(intranets=(entry(tmp_path, corp.ca, LOOPBACK),)), [corp.ca.now]
    context = VoucherContext(policy, world.directory, bytes(32), clock=lambda: moments[-1])
    port, asked = serve(site_of(corp)), []
    for minutes in (0, 9, 10):
        moments.append(corp.ca.now + minutes * MINUTE)
        assert judged(context, port).outcome is Outcome.ACCEPTED
        asked.append(corp.asked)
    assert asked == [2, 2, 4]


def test_how_old_a_status_may_be_is_a_setting(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    corp.said[site.certificate.serial_number] = old(corp, site)
    made = replace(entry(tmp_path, corp.ca, LOOPBACK), max_status_hours=72)
    context = VoucherContext(ClientPolicy(intranets=(made,)), world.directory, bytes(32))
    assert judged(context, serve(site)).outcome is Outcome.ACCEPTED


def test_a_resumed_session_would_prove_nothing(corp: Responder, tmp_path: Path) -> None:
    site = site_of(corp)
    facts = Facts("TLSv1.3", "", site.chain_der, None, resumed=False, extended_master_secret=True)
    network = PrivateNetwork(entry(tmp_path, corp.ca, LOOPBACK))
    assert network.judge(facts, NAME, corp.ca.now, Deadline(SECONDS))
    with pytest.raises(VerificationError, match="a resumed session shows no certificate"):
        network.judge(replace(facts, resumed=True), NAME, corp.ca.now, Deadline(SECONDS))


def test_a_runtime_without_a_way_to_roots_is_found_before_it_matters(
    corp: Responder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hide(*_: object, **_more: object) -> None:
        raise UnsupportedRuntimeError("hidden")

    monkeypatch.setattr("mecai.tls.install", hide)
    with pytest.raises(HostError, match="hidden"):
        client(corp, tmp_path, mode="off")


def test_with_a_pinned_issuing_key_a_staple_suffices(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    corp.down()
    verdict = judged(client(corp, tmp_path, corp.ca.issuing), serve(site, corp.ca.ocsp(site)))
    assert (verdict.outcome, ways(verdict), corp.asked) == (Outcome.ACCEPTED, ["stapled"], 0)


def test_without_it_the_status_of_the_issuing_ca_is_fetched(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    assert ways(judged(client(corp, tmp_path), serve(site, corp.ca.ocsp(site)))) == ["stapled", "fetched"]


def test_a_responder_that_is_down_is_a_refusal_of_its_own(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    corp.down()
    verdict = judged(client(corp, tmp_path), serve(site))
    assert (verdict.outcome, verdict.reason, verdict.rule) == (Outcome.REFUSED, "status-unavailable", "M4")
    assert "answered 503" in verdict.detail


def test_a_responder_that_is_silent_meets_the_deadline(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    port = serve(site_of(corp))
    corp.gate.clear()
    before = Deadline(SECONDS / 2)  # the responder's silence lasts twice as long
    verdict = judged(client(corp, tmp_path), port, deadline=standing(0.5))
    assert (verdict.reason, verdict.detail.endswith("timed out")) == ("status-unavailable", True)
    assert before.left() > 0


def test_a_socket_with_a_timeout_waits_no_longer_for_a_responder(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    port = serve(site_of(corp))
    corp.gate.clear()
    context = client(corp, tmp_path)
    plain = socket.create_connection(("127.0.0.1", port), timeout=2)
    before = Deadline(SECONDS / 2)
    with pytest.raises(Refused, match=r"status-unavailable.*timed out"):
        context.wrap_socket(plain, server_hostname=NAME)
    assert before.left() > 0


def test_a_responder_in_a_network_that_is_not_allowed_is_not_asked(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    verdict = judged(client(corp, tmp_path, networks=()), serve(site_of(corp)))
    assert (verdict.reason, corp.asked) == ("status-unavailable", 0)
    assert "127.0.0.0/8 (loopback)" in verdict.detail


def test_a_stale_staple_is_made_good_by_the_responder(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    site = site_of(corp)
    port = serve(site, old(corp, site))
    assert ways(judged(client(corp, tmp_path), port)) == ["fetched", "fetched"]
    corp.down()
    verdict = judged(client(corp, tmp_path), port)
    assert (verdict.reason, "stapled: " in verdict.detail) == ("status-unavailable", True)


def test_a_stale_answer_is_refused(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    corp.said[site.certificate.serial_number] = old(corp, site)
    verdict = judged(client(corp, tmp_path), serve(site))
    assert (verdict.reason, verdict.rule) == ("status-stale", "M4")


def old(corp: Responder, site: Issued) -> bytes:
    return corp.ca.ocsp(site, this_update=corp.ca.now - 60 * HOUR, next_update=corp.ca.now + HOUR)


def test_a_revoked_certificate_is_refused(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    stapled = judged(client(corp, tmp_path), serve(site, corp.ca.ocsp(site, "revoked")))
    assert (stapled.reason, stapled.rule, corp.asked) == ("revoked", "M4", 0)
    corp.answers.status[site.certificate.serial_number] = "revoked"
    assert judged(client(corp, tmp_path), serve(site)).reason == "revoked"


def test_a_revoked_issuing_ca_is_refused(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    site = site_of(corp)
    corp.answers.status[corp.ca.issuing.certificate.serial_number] = "revoked"
    assert judged(client(corp, tmp_path), serve(site, corp.ca.ocsp(site))).reason == "revoked"


def test_a_public_ca_is_nobody_for_a_private_name(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    """Vouchers of all others and a good staple do not help; the same server is good where nothing is pinned."""
    rogue = world.alder.server(NAME)
    vouchers = [world.voucher(ca, site=rogue, addresses=(bytes([127, 0, 0, 1]),)) for ca in (world.birch, world.cedar)]
    vouchers.append(world.voucher(world.dogwood, site=rogue, addresses=(bytes([127, 0, 0, 1]),)))
    port = serve(rogue, world.alder.ocsp(rogue), encode_vouchers(vouchers))
    open_to_all = VoucherContext(ClientPolicy(), world.directory, bytes(32))
    assert judged(open_to_all, port).outcome is Outcome.ACCEPTED
    with pytest.raises(VerificationError) as caught:
        judged(client(corp, tmp_path), port)
    assert (caught.value.reason, caught.value.rule) == ("pin-mismatch", "M4")


def test_a_program_that_switches_validation_off_gains_nothing(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    """What OpenSSL would then let pass the rules refuse all the same, each CA for a name of the other."""
    context = client(corp, tmp_path)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    assert judged(context, serve(site_of(corp))).outcome is Outcome.ACCEPTED
    rogue = judged(context, serve(world.alder.server(NAME), None, VOUCHED))
    assert (rogue.outcome, rogue.reason, rogue.rule) == (Outcome.REFUSED, "pin-mismatch", "M4")
    other = judged(context, serve(site_of(corp, f"files.{NAME}")))
    assert (other.reason, other.rule) == ("pin-mismatch", "M4")
    stray = judged(context, serve(corp.ca.server(HOST), None, VOUCHED), HOST)
    assert (stray.outcome, stray.reason, stray.rule) == (Outcome.REFUSED, "untrusted", "C4")


@pytest.mark.parametrize("name", [HOST, "evilcorp.test", "corp.test.example.test"])
def test_the_private_ca_is_nobody_for_another_name(
    corp: Responder, tmp_path: Path, serve: Callable[..., int], name: str
) -> None:
    """Also after the same context has trusted it for its own."""
    site = site_of(corp, NAME, HOST, "evilcorp.test", "corp.test.example.test")
    context, port = client(corp, tmp_path), serve(site)
    assert judged(context, port).outcome is Outcome.ACCEPTED
    with pytest.raises(VerificationError) as caught:
        judged(context, port, name)
    assert (caught.value.reason, caught.value.rule) == ("certificate-invalid", "C4")


def test_an_address_is_no_name_of_the_network(corp: Responder, tmp_path: Path, serve: Callable[..., int]) -> None:
    with pytest.raises(VerificationError, match="certificate-invalid"):
        judged(client(corp, tmp_path), serve(site_of(corp, NAME, "127.0.0.1")), "127.0.0.1")


def test_openssl_sees_neither_extension_in_a_private_hello(
    corp: Responder, tmp_path: Path, serve: Callable[..., int]
) -> None:
    """The witness is s_server's own trace, of a private and of a public connection by one context."""
    context = client(corp, tmp_path)
    private = serve(site_of(corp), None, None, "-msgfile", "trace", "-trace")
    public = serve(world.site, world.staple, VOUCHED, "-msgfile", "trace", "-trace")
    assert judged(context, private).outcome is Outcome.ACCEPTED
    assert judged(context, public, HOST).outcome is Outcome.ACCEPTED
    sent = [[f"({kind})" in path.read_text() for kind in (VOUCHER, VOUCHER_REQUEST)] for path in traces(tmp_path)]
    assert sent == [[False, False], [True, True]]


def traces(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/trace"))


@pytest.mark.parametrize(("mode", "reason"), [("warn", "status-unavailable"), ("off", "not-checked")])
def test_other_modes_let_pass_but_trust_nobody_else(
    corp: Responder, tmp_path: Path, serve: Callable[..., int], mode: str, reason: str
) -> None:
    site = site_of(corp)
    corp.down()
    context = client(corp, tmp_path, mode=mode)
    verdict = judged(context, serve(site))
    assert (verdict.outcome, verdict.reason) == (Outcome.WARNED, reason)
    with pytest.raises(VerificationError, match="pin-mismatch"):
        judged(context, serve(world.alder.server(NAME)))
    with pytest.raises(VerificationError, match="certificate-invalid"):
        judged(context, serve(corp.ca.server(HOST)), HOST)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_carries_trust_over(corp: Responder, tmp_path: Path, version: ssl.TLSVersion) -> None:
    """`warn` acts upon no verdict, so that ordinary validation is all that stands between: it must take place."""
    context, serving = client(corp, tmp_path, mode="warn"), server_context(site_of(corp))
    context.options &= ~ssl.OP_NO_TICKET
    serving.minimum_version = serving.maximum_version = version
    first = Pair(context, serving, NAME)
    first.handshake()
    first.server.write(b"tickets come with this")
    first.client.read()
    for name, validation in ((NAME, nullcontext()), (HOST, pytest.raises(ssl.SSLCertVerificationError))):
        other = Pair(context, serving, name)
        other.client.session = first.client.session
        with validation:
            other.handshake()
        assert not other.client.session_reused


def test_a_private_root_may_not_be_a_public_one(tmp_path: Path) -> None:
    policy = ClientPolicy(intranets=(entry(tmp_path, world.alder),))
    with pytest.raises(InputError, match=r"alder\.pem: has a root of the directory"):
        VoucherContext(policy, world.directory, bytes(32))


def test_a_certificate_that_is_no_root_is_named(corp: Responder, tmp_path: Path) -> None:
    made = entry(tmp_path, corp.ca)
    made.roots.write_bytes(corp.ca.root.pem + site_of(corp).pem)
    with pytest.raises(InputError, match="certificate 2 cannot be a root: is no CA certificate"):
        VoucherContext(ClientPolicy(intranets=(made,)), world.directory, bytes(32))
