"""A server that staples, in memory: what each client gets, and that nothing ends a handshake but the client itself."""

import gc
import logging
import os
import ssl
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from mecai import tls
from mecai.client import Outcome, VoucherContext, peer
from mecai.errors import InputError
from mecai.protocol.codec.tls_answer import VOUCHER
from mecai.protocol.codec.tls_request import VOUCHER_REQUEST
from mecai.server import StapleDirectory, StaplingContext, connection, staples
from tests.patience import SECONDS
from tests.pki import key, rsa_key
from tests.unit.server.shelf import IDS, VERSIONS, Shelf, asking, client, hear, load, vouched, world
from tests.unit.tls.memory import Pair

ALL = ("birch", "cedar", "dogwood")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "staples")
    for name in ALL:
        shelf.put(name)
    shelf.put_ocsp()
    return shelf


@pytest.fixture
def server(shelf: Shelf, tmp_path: Path) -> StaplingContext:
    return shelf.serving(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_projects_client_accepts(server: StaplingContext, tmp_path: Path, version: ssl.TLSVersion) -> None:
    context = VoucherContext.from_config(world.write_config(tmp_path, profile="strict"))
    context.maximum_version = version
    pair = Pair(context, server)
    with peer("127.0.0.1"):
        pair.handshake()
    verdict = pair.client.verdict  # type: ignore[attr-defined]  # of a VoucherObject
    assert (verdict.outcome, len(verdict.vouched), verdict.facts.staple) == (Outcome.ACCEPTED, 2, world.staple)


@pytest.mark.parametrize("version", VERSIONS)
def test_as_many_as_asked_for_in_the_clients_order(server: StaplingContext, version: ssl.TLSVersion) -> None:
    heard = hear(server, asking("dogwood", "birch", "cedar", quorum=2), client(version))
    assert heard.vouchers == (vouched("dogwood"), vouched("birch"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "offer",
    [
        {},
        {VOUCHER: b""},
        {VOUCHER: b"something else"},
        {VOUCHER_REQUEST: asking("birch")[VOUCHER_REQUEST]},
        {VOUCHER: b"", VOUCHER_REQUEST: b""},  # T4: of no version
    ],
)
def test_who_does_not_ask_gets_none(server: StaplingContext, version: ssl.TLSVersion, offer: dict[int, bytes]) -> None:
    heard = hear(server, offer, client(version))
    assert heard.answer is None
    assert heard.facts.staple == world.staple


def test_no_staple_for_who_asks_for_none(server: StaplingContext) -> None:
    stock = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stock.load_verify_locations(cadata=world.alder.root.der)
    pair = Pair(stock, server)
    pair.handshake()
    assert pair.client.version() == "TLSv1.3"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("offer", "alert"),
    [
        ({VOUCHER: b"", VOUCHER_REQUEST: b"\x01"}, "decode.error"),
        ({VOUCHER: b"", VOUCHER_REQUEST: asking("birch")[VOUCHER_REQUEST] + b"\0"}, "decode.error"),
        ({VOUCHER: b"", VOUCHER_REQUEST: b"\x01\x02\x08" + bytes(8) + b"\0\0\0"}, "illegal.parameter"),
        ({VOUCHER: b"?", VOUCHER_REQUEST: asking("birch")[VOUCHER_REQUEST]}, "decode.error"),
    ],
)
def test_what_cannot_be_read_ends_the_handshake(
    server: StaplingContext, version: ssl.TLSVersion, offer: dict[int, bytes], alert: str
) -> None:
    pair = Pair(client(version), server)
    exchange = tls.Exchange(offer)
    tls.attach(pair.connection, exchange)
    with pytest.raises(ssl.SSLError, match="BAD_EXTENSION"):
        pair.handshake()
    with pytest.raises(ssl.SSLError, match=rf"(?i){alert}"):
        pair.client.do_handshake()


@pytest.mark.parametrize("version", VERSIONS)
def test_another_version_of_the_request_is_passed_over(server: StaplingContext, version: ssl.TLSVersion) -> None:
    assert hear(server, {VOUCHER: b"", VOUCHER_REQUEST: b"\x02"}, client(version)).answer is None


@pytest.mark.parametrize("version", VERSIONS)
def test_no_voucher_on_resumption(server: StaplingContext, version: ssl.TLSVersion) -> None:
    asker = client(version)
    first = hear(server, asking("birch"), asker)
    second = hear(server, asking("birch"), asker, session=first.pair.client.session)
    assert (first.facts.resumed, second.facts.resumed) == (False, True)
    assert (first.answer is None, second.answer) == (False, None)


def test_after_a_retry_the_answer_is_the_same(server: StaplingContext) -> None:
    server.set_ecdh_curve("secp521r1")  # no key share of a client is for it: HelloRetryRequest
    assert hear(server, asking("cedar")).vouchers == (vouched("cedar"),)


@pytest.mark.parametrize("version", VERSIONS)
def test_names_select_certificates_and_their_vouchers(shelf: Shelf, tmp_path: Path, version: ssl.TLSVersion) -> None:
    """The default certificate has no vouchers; that of the other name has, and is answered with."""
    plain = world.alder.server("plain.example.test", server_key=key("plain"))
    directory = StapleDirectory(shelf.path)
    default = load(StaplingContext(directory), tmp_path, plain)
    contexts = {"www.example.test": load(StaplingContext(directory), tmp_path, world.site)}

    def choose(connection: ssl.SSLObject, name: str, otherwise: ssl.SSLContext) -> None:
        connection.context = contexts.get(name, otherwise)  # type: ignore[assignment]  # a context is what it takes

    default.sni_callback = choose
    chosen = hear(default, asking("birch"), client(version))
    other = hear(default, asking("birch"), client(version), name="plain.example.test")
    assert (chosen.facts.chain[0], chosen.vouchers) == (world.site.der, (vouched("birch"),))
    assert (other.facts.chain[0], other.vouchers, other.facts.staple) == (plain.der, None, None)
    assert chosen.facts.staple == world.staple


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_two_certificates_in_one_context_are_told_apart(shelf: Shelf, tmp_path: Path, kind: str) -> None:
    server = shelf.serving(tmp_path)
    site = world.alder.server("www.example.test", server_key=rsa_key("site"))
    vouchers = {"ECDSA": vouched("birch"), "RSA": world.voucher(world.birch, site=site)}
    Shelf(shelf.path, site).put("birch", vouchers["RSA"])
    load(server, tmp_path, site)
    asker = client(ssl.TLSVersion.TLSv1_2)  # Python has no call for a client's signature algorithms in TLS 1.3
    asker.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
    assert hear(server, asking("birch"), asker).vouchers == (vouchers[kind],)


def test_garbage_ends_no_handshake(shelf: Shelf, tmp_path: Path) -> None:
    for name in ALL:
        shelf.put(name, os.urandom(64))
    shelf.put_ocsp(b"\x30\x82")
    (shelf.folder / ("0" * 16 + ".voucher")).mkdir()
    heard = hear(shelf.serving(tmp_path), asking(*ALL))
    assert (heard.answer, heard.facts.staple) == (None, None)


def test_a_change_is_noticed_by_the_next_look(shelf: Shelf, tmp_path: Path) -> None:
    directory = StapleDirectory(shelf.path)
    server = load(StaplingContext(directory), tmp_path, world.site)
    shelf.put("birch").unlink()
    directory.refresh()
    assert hear(server, asking("birch")).answer is None
    shelf.put("birch")
    directory.refresh()
    assert hear(server, asking("birch")).vouchers == (vouched("birch"),)


def test_a_thread_notices_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staples, "SECONDS", 0.001)
    shelf = Shelf(tmp_path / "staples")
    directory, looked = StapleDirectory(shelf.path), threading.Event()
    server = load(StaplingContext(directory), tmp_path, world.site)
    assert hear(server, asking("birch")).answer is None
    shelf.put("birch")
    former = directory.refresh
    monkeypatch.setattr(directory, "refresh", lambda: (former(), looked.set()))
    assert looked.wait(SECONDS)
    assert hear(server, asking("birch")).vouchers == (vouched("birch"),)


def test_the_thread_ends_with_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staples, "SECONDS", 0.001)
    directory = StapleDirectory(tmp_path)
    before = set(threading.enumerate())
    directory.serve()
    directory.serve()
    (thread,) = set(threading.enumerate()) - before
    del directory
    gc.collect()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_no_handshake_reads_a_file(server: StaplingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    server._staples._served_by = os.getpid()  # no thread
    for name in ("open", "lstat", "scandir"):
        monkeypatch.setattr(os, name, None)
    assert hear(server, asking("birch")).vouchers == (vouched("birch"),)


def test_what_is_over_is_not_stapled(shelf: Shelf, tmp_path: Path) -> None:
    """The clock goes on, and the files stay."""
    now = [world.now]
    server = shelf.serving(tmp_path, lambda: now[0])
    server._staples._served_by = os.getpid()
    now[0] += timedelta(hours=23, minutes=55) - timedelta(seconds=599)
    heard = hear(server, asking("birch"))
    assert (heard.answer, heard.facts.staple) == (None, world.staple)
    now[0] += timedelta(days=30)
    assert hear(server, asking("birch")).facts.staple is None


def test_an_answer_has_its_bound(shelf: Shelf, tmp_path: Path) -> None:
    size = len(vouched("birch"))
    assert hear(shelf.serving(tmp_path, max_size=size + 4), asking(*ALL, quorum=3)).vouchers == (vouched("birch"),)
    assert hear(shelf.serving(tmp_path, max_size=512), asking(*ALL)).answer is None


def test_the_staple_shares_the_room_of_the_largest_answer(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are extensions of one CertificateEntry in TLS 1.3, whose extensions have 2^16-1 octets in all."""
    rooms: list[int] = []
    monkeypatch.setattr(connection, "choose", lambda *words: rooms.append(words[-1]))
    hear(shelf.serving(tmp_path, max_size=64_000), asking("birch"))
    hear(shelf.serving(tmp_path, max_size=1000), asking("birch"))
    assert rooms == [64_000 - len(world.staple) - 8, 1000]


def test_what_lists_the_public_address_goes_first(shelf: Shelf, tmp_path: Path) -> None:
    elsewhere = world.voucher(world.birch)
    (shelf.folder / f"{IDS['birch'].hex()}.voucher").rename(shelf.folder / f"{IDS['birch'].hex()}-0.voucher")
    (shelf.folder / f"{IDS['birch'].hex()}-1.voucher").write_bytes(elsewhere)
    for public, der in ((["198.18.0.10"], elsewhere), (["::1"], vouched("birch")), ([], vouched("birch"))):
        server = load(StaplingContext(shelf.path, public_addresses=public), tmp_path, world.site)
        assert hear(server, asking("birch")).vouchers == (der,)


@pytest.mark.parametrize("size", [511, 64_001])
def test_a_bound_outside_its_own_bounds_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(InputError, match=f"max_size: {size} is outside 512..64000"):
        StaplingContext(tmp_path, max_size=size)


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="www"):
        StaplingContext(tmp_path, public_addresses=["www"])


def test_threads_get_their_own(server: StaplingContext) -> None:
    wrong: list[object] = []

    def work(name: str) -> None:
        asker = client()
        for _ in range(10):
            found = hear(server, asking(name), asker).vouchers
            if found != (vouched(name),):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=[name]) for name in ALL * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_abandoned_handshake_leaves_nothing_behind(server: StaplingContext) -> None:
    from mecai.tls import stapling  # noqa: PLC0415 - what is asked about, and only here

    gc.collect()
    before = len(stapling._spoken), len(stapling._owned)
    pair = Pair(client(), server)
    with suppress(ssl.SSLWantReadError):
        pair.client.do_handshake()
    assert (len(stapling._spoken), len(stapling._owned)) == (before[0] + 1, before[1] + 1)
    del pair
    gc.collect()
    assert (len(stapling._spoken), len(stapling._owned)) == before


def test_a_fault_of_the_program_staples_nothing_and_is_logged(
    server: StaplingContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(server._staples, "find", lambda _certificate: 1 / 0)
    heard = hear(server, asking("birch"))
    assert (heard.answer, heard.facts.staple) == (None, None)
    assert len(caplog.messages) == 2
