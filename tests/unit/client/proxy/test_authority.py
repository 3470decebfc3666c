"""The proxy's authority: how its files lie, what it can certify, and what is said where they are not as they were."""

import ssl
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_network
from pathlib import Path
from stat import S_IMODE

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from mecai.client.proxy import leaves as module
from mecai.client.proxy.authority import LEAF_LIFE, LocalAuthority, open_authority
from mecai.client.proxy.head import Declined
from mecai.client.proxy.leaves import Leaves
from mecai.errors import HostError, InputError
from tests.unit.tls.memory import Pair

NOW = datetime.now(UTC).replace(microsecond=0)
SITE = "www.example.test"


@pytest.fixture
def authority(tmp_path: Path) -> LocalAuthority:
    return open_authority(tmp_path / "proxy", (), NOW)


def browser(authority: LocalAuthority) -> ssl.SSLContext:
    """Return a client that trusts the authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.certificate.public_bytes(Encoding.DER))
    return context


def test_the_key_is_its_users_alone_and_stays(tmp_path: Path, authority: LocalAuthority) -> None:
    folder = tmp_path / "proxy"
    assert {path.name: S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())} == {
        "proxy": 0o700,
        "ca.key": 0o600,
        "ca.pem": 0o644,
    }
    again = open_authority(folder, (), NOW + timedelta(days=300))
    assert again.certificate == authority.certificate


def test_it_certifies_servers_by_dns_names_and_makes_no_authority(authority: LocalAuthority) -> None:
    extensions = {type(each.value): each for each in authority.certificate.extensions}
    constraints = extensions[x509.NameConstraints]
    assert constraints.critical
    assert constraints.value.permitted_subtrees is None
    assert [each.value for each in constraints.value.excluded_subtrees] == [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert extensions[x509.BasicConstraints].value == x509.BasicConstraints(ca=True, path_length=0)
    assert list(extensions[x509.ExtendedKeyUsage].value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    usage = extensions[x509.KeyUsage].value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, False, False)
    assert authority.certificate.not_valid_after_utc == NOW + timedelta(days=365)


def test_a_browser_takes_a_leaf_for_its_name_and_no_other(authority: LocalAuthority) -> None:
    context = Leaves(authority).context(SITE)
    Pair(browser(authority), context, SITE).handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        Pair(browser(authority), context, "example.test").handshake()


def test_a_bound_authority_is_believed_below_its_domains_alone(tmp_path: Path) -> None:
    """OpenSSL, which this project did not write, reads the name constraints."""
    bound = open_authority(tmp_path, ("example.test",), NOW)
    assert (bound.domains, bound.is_for(SITE), bound.is_for("example.test")) == (("example.test",), True, True)
    assert not bound.is_for("evilexample.test")
    Pair(browser(bound), Leaves(bound).context(SITE), SITE).handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        Pair(browser(bound), Leaves(bound).context("www.bank.test"), "www.bank.test").handshake()


def test_leaves_last_a_day_and_no_longer_than_their_authority(authority: LocalAuthority) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    end = authority.certificate.not_valid_after_utc
    assert authority.certify(SITE, key, NOW).not_valid_after_utc == NOW + LEAF_LIFE
    assert authority.certify(SITE, key, end - timedelta(hours=3)).not_valid_after_utc == end


def test_a_leaf_is_kept_until_shortly_before_its_end(authority: LocalAuthority) -> None:
    moment = [NOW]
    leaves = Leaves(authority, lambda: moment[0])
    first = leaves.context(SITE)
    moment[0] += LEAF_LIFE - timedelta(hours=1, seconds=1)
    assert leaves.context(SITE) is first
    moment[0] += timedelta(seconds=1)
    assert leaves.context(SITE) is not first


def test_a_proxy_that_outlives_its_authority_says_so(
    authority: LocalAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    end = authority.certificate.not_valid_after_utc
    for moment in (end, end + timedelta(days=2)):
        with pytest.raises(Declined, match=f"valid until {end:%Y-%m-%d}; start the proxy anew") as caught:
            Leaves(authority, lambda moment=moment: moment).context(SITE)
        assert caught.value.status is HTTPStatus.SERVICE_UNAVAILABLE
        assert caught.value.text in caplog.text
    assert Leaves(authority, lambda: end - timedelta(seconds=1)).context(SITE)


def test_as_many_leaves_are_kept_as_it_says(authority: LocalAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NAMES", 3)
    leaves = Leaves(authority)
    kept, gone = leaves.context("kept.test"), leaves.context("gone.test")
    for number in range(2):
        leaves.context(f"{number}.test")
        assert leaves.context("kept.test") is kept
    assert leaves.context("gone.test") is not gone


def test_a_key_that_others_read_is_not_used(tmp_path: Path) -> None:
    open_authority(tmp_path, (), NOW)
    (tmp_path / "ca.key").chmod(0o640)
    with pytest.raises(HostError, match="0640"):
        open_authority(tmp_path, (), NOW)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_in_which_others_could_lay_a_key_is_not_used(tmp_path: Path, mode: int) -> None:
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy").chmod(mode)
    with pytest.raises(HostError, match=rf"proxy: others could lay a key there .* mode 0{mode:o}\); expected"):
        open_authority(tmp_path / "proxy", (), NOW)
    assert not list((tmp_path / "proxy").iterdir())


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(HostError, match="others could lay a key there"):
        open_authority(tmp_path / "proxy", (), NOW)


def test_a_certificate_that_was_lost_is_made_anew_for_the_key(tmp_path: Path) -> None:
    """So it is after a crash between the two files."""
    first = open_authority(tmp_path, (), NOW)
    (tmp_path / "ca.pem").unlink()
    assert open_authority(tmp_path, (), NOW).certificate.public_key() == first.certificate.public_key()


@pytest.mark.parametrize(
    ("domains", "later", "words"),
    [
        ((), timedelta(days=365), "is not valid now"),
        ((), -timedelta(hours=2), "is not valid now"),
        (("corp.test",), timedelta(), "is bound to no domains, not to corp.test"),
    ],
)
def test_what_does_not_fit_says_what_to_remove(
    tmp_path: Path, domains: tuple[str, ...], later: timedelta, words: str
) -> None:
    open_authority(tmp_path, (), NOW)
    with pytest.raises(InputError, match=rf"ca\.pem: {words}.*remove .*ca\.key"):
        open_authority(tmp_path, domains, NOW + later)


def test_another_key_is_no_key_of_the_certificate(tmp_path: Path) -> None:
    open_authority(tmp_path / "other", (), NOW)
    open_authority(tmp_path, (), NOW)
    (tmp_path / "other" / "ca.key").replace(tmp_path / "ca.key")
    with pytest.raises(InputError, match="is not of the key beside it"):
        open_authority(tmp_path, (), NOW)
