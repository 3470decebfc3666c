"""Lists of revoked certificates: when they can be relied on, and that another file is read at once."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mecai.errors import HostError, InputError
from mecai.net.revocations import EARLY, Guarded, Revocations
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued, crl

CA = Hierarchy("agents")
SECOND = timedelta(seconds=1)
CHECKED = ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    path = tmp_path / "crl.pem"
    path.write_bytes(crl(CA.root) + b"\n" + crl(CA.issuing, span=(NOW, NOW + 60 * DAY)))
    return path


def test_lists_hold_from_when_the_last_began_until_the_first_ends(lists: Path) -> None:
    lists.write_bytes(crl(CA.root, span=(NOW + HOUR, NOW + 90 * DAY)) + crl(CA.issuing, span=(NOW, NOW + 60 * DAY)))
    found = Revocations.read(lists)
    assert (found.begin, found.end) == (NOW + HOUR, NOW + 60 * DAY)
    found.require(found.begin)
    found.require(found.end - SECOND)
    for moment in (found.begin - SECOND, found.end):
        with pytest.raises(HostError, match=r"crl\.pem: its lists hold from .*; bring newer ones of the CA"):
            found.require(moment)


def test_a_person_hears_of_it_before_they_end(lists: Path) -> None:
    found = Revocations.read(lists)
    found.require_lasting(found.end - EARLY)
    with pytest.raises(HostError, match=r"crl\.pem: 13 days left; bring newer lists of the CA"):
        found.require_lasting(found.end - EARLY + SECOND)
    with pytest.raises(HostError, match="nobody is believed without them"):
        found.require_lasting(found.end)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (None, "revocation list cannot be read (No such file or directory)"),
        (b"", "holds no PEM revocation list; of DER, `openssl crl -inform DER -in IN` makes one"),
        (CA.root.pem, "holds no PEM revocation list"),
        (crl(CA.root) + crl(CA.issuing)[:90], "holds a revocation list that cannot be read; have the CA publish"),
    ],
)
def test_what_are_no_lists_is_said_in_one_line(tmp_path: Path, octets: bytes | None, said: str) -> None:
    path = tmp_path / "crl.pem"
    if octets is not None:
        path.write_bytes(octets)
    for read in (lambda: Revocations.read(path), Guarded(make, path, lambda: NOW).context):
        with pytest.raises(HostError) as caught:
            read()
        assert str(caught.value).startswith(f"{path}: {said}")


def make() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def test_a_context_is_made_anew_for_another_file_alone(lists: Path) -> None:
    guarded = Guarded(make, lists, lambda: NOW)
    first = guarded.context()
    assert first.verify_flags & CHECKED == CHECKED
    assert first.cert_store_stats()["crl"] == 2
    assert guarded.context() is first
    other = lists.with_name("other")
    other.write_bytes(crl(CA.root))
    other.replace(lists)
    assert guarded.context().cert_store_stats()["crl"] == 1


def test_what_was_good_is_not_used_on_where_its_file_is_no_good(lists: Path) -> None:
    guarded = Guarded(make, lists, lambda: NOW)
    guarded.context()
    lists.unlink()
    for _ in range(2):
        with pytest.raises(HostError, match="cannot be read"):
            guarded.context()
    lists.write_bytes(crl(CA.root))
    assert guarded.context().verify_flags & CHECKED


def test_lists_that_ended_are_noticed_though_nobody_touched_the_file(lists: Path) -> None:
    now = [NOW]
    guarded = Guarded(make, lists, lambda: now[0])
    guarded.context()
    now[0] = NOW + 60 * DAY
    with pytest.raises(HostError, match="its lists hold from"):
        guarded.context()


def test_without_lists_there_is_nothing_to_hold_anybody_against() -> None:
    guarded = Guarded(make, None, lambda: NOW)
    assert not guarded.context().verify_flags & CHECKED


def test_a_context_that_cannot_be_made_is_the_hosts_fault(lists: Path) -> None:
    def fails() -> ssl.SSLContext:
        raise InputError("roots.pem: holds no PEM certificate")

    with pytest.raises(HostError, match=r"^roots\.pem: holds no PEM certificate$"):
        Guarded(fails, lists, lambda: NOW).context()


TODAY = datetime.now(UTC).replace(microsecond=0)  # OpenSSL has no other clock
PRIVATE = Hierarchy("private", TODAY)
AGENT = PRIVATE.server("agent.test")


@pytest.mark.parametrize(
    ("by_root", "by_issuing", "believed"),
    [((), (), True), ((), (AGENT,), False), ((PRIVATE.issuing,), (), False)],
    ids=["none", "the peer", "the peer's CA"],
)
def test_nobody_is_believed_whom_one_of_the_lists_leads_to(
    tmp_path: Path, by_root: tuple[Issued, ...], by_issuing: tuple[Issued, ...], believed: bool
) -> None:
    (tmp_path / "roots.pem").write_bytes(PRIVATE.root.pem)
    (tmp_path / "agent.pem").write_bytes(AGENT.chain_pem + AGENT.key_pem)
    span, lists = (TODAY - DAY, TODAY + DAY), tmp_path / "crl.pem"
    lists.write_bytes(crl(PRIVATE.root, *by_root, span=span) + crl(PRIVATE.issuing, *by_issuing, span=span))
    agent = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    agent.load_cert_chain(tmp_path / "agent.pem")
    guarded = Guarded(lambda: ssl.create_default_context(cafile=tmp_path / "roots.pem"), lists)
    assert believes(guarded.context(), agent) is believed


def believes(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    """Shake hands in memory, as far as the server's certificate."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname="agent.test")
    with pytest.raises(ssl.SSLWantReadError):
        asking.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        server.wrap_bio(there, back, server_side=True).do_handshake()
    try:
        asking.do_handshake()
    except ssl.SSLCertVerificationError as error:
        if error.verify_message == "certificate revoked":
            return False
        raise
    return True
