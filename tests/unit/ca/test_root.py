"""A root is made on an explicit word only, and never in place of another: a volume that is not mounted costs no CA."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mecai.ca.authority.operations import CertificateAuthority, initialise, opened
from mecai.ca.config import AuthorityConfig
from mecai.errors import HostError
from tests.pki import NOW

OTHER = "ab" * 32


def fingerprint(config: AuthorityConfig) -> str:
    root = x509.load_pem_x509_certificate((config.public / "root.pem").read_bytes())
    return root.fingerprint(hashes.SHA256()).hex()


def pinned(config: AuthorityConfig, root: str) -> AuthorityConfig:
    return replace(config, root=root)


def unmount(config: AuthorityConfig) -> None:
    """Leave the mount point, empty, as a volume does that is not mounted."""
    shutil.rmtree(config.state)
    config.state.mkdir(mode=0o700)


def nothing_was_made(config: AuthorityConfig) -> bool:
    return not list(config.state.iterdir()) if config.state.exists() else True


def test_opening_makes_nothing(config: AuthorityConfig) -> None:
    with pytest.raises(HostError, match=r"there is no authority; mount or restore .* mecai ca init"), opened(config):
        pass
    assert not config.state.exists()


@pytest.mark.parametrize("empty", [True, False], ids=["empty", "missing"])
def test_without_the_word_nothing_is_made(config: AuthorityConfig, empty: bool) -> None:
    if empty:
        config.state.mkdir(mode=0o700)
    with pytest.raises(HostError, match="there is no authority; mount or restore"):
        initialise(config, NOW, make_root=False)
    assert nothing_was_made(config)
    assert not config.public.exists()


def test_without_the_word_an_authority_is_completed(authority: CertificateAuthority, config: AuthorityConfig) -> None:
    del authority
    (config.public / "issuing.pem").unlink()
    assert initialise(config, NOW, make_root=False)
    assert (config.public / "issuing.pem").exists()


def test_no_successor_where_the_public_files_of_an_authority_are(
    authority: CertificateAuthority, config: AuthorityConfig
) -> None:
    del authority
    before = fingerprint(config)
    unmount(config)
    with pytest.raises(HostError, match=r"the authority whose root is .*root\.pem is not there; mount or restore"):
        initialise(config, NOW)
    assert nothing_was_made(config)
    assert fingerprint(config) == before


@pytest.mark.parametrize("leave", [unmount, lambda config: shutil.rmtree(config.state)], ids=["empty", "missing"])
def test_no_successor_of_a_pinned_root(
    authority: CertificateAuthority, config: AuthorityConfig, leave: Callable[[AuthorityConfig], None]
) -> None:
    del authority
    pin = fingerprint(config)
    leave(config)
    shutil.rmtree(config.public)
    with pytest.raises(HostError, match=f"the authority with the pinned root {pin} is not there"):
        initialise(pinned(config, pin), NOW)
    assert nothing_was_made(config)


def test_the_pinned_root_is_used(authority: CertificateAuthority, config: AuthorityConfig) -> None:
    pin = authority.root_hash.hex()
    assert pin == fingerprint(config)
    colons = ":".join(pin[place : place + 2].upper() for place in range(0, len(pin), 2))
    for each in (pin, colons):
        assert not initialise(pinned(config, each), NOW)


def test_an_authority_with_another_root_than_the_pinned_is_refused(
    authority: CertificateAuthority, config: AuthorityConfig
) -> None:
    found = f"its root is {authority.root_hash.hex()}, not the pinned {OTHER}"
    for use in (lambda each: opened(each).__enter__(), lambda each: initialise(each, NOW)):
        with pytest.raises(HostError, match=found):
            use(pinned(config, OTHER))


def test_to_begin_anew_takes_a_hand(authority: CertificateAuthority, config: AuthorityConfig, tmp_path: Path) -> None:
    """The message names what to remove; nothing else stands in the way of another root."""
    unmount(config)
    (tmp_path / "public" / "root.pem").unlink()
    assert initialise(config, NOW)
    assert fingerprint(config) != authority.root_hash.hex()
