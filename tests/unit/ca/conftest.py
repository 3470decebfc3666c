"""An authority on disk, made anew for each test, and its OCSP responder's files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.operations import CertificateAuthority, initialise, opened
from mecai.ca.config import AuthorityConfig, DelegateFiles, ResponderConfig
from mecai.ca.storage.records import CertificateProfile
from mecai.service.pem import key_pem
from tests.pki import NOW, key


@pytest.fixture
def config(tmp_path: Path) -> AuthorityConfig:
    return AuthorityConfig(
        name="alder",
        owner_group="alder",
        region="north",
        ocsp_url="http://ocsp.alder.test",
        vas_url="https://vas.alder.test",
        crl_url="http://ocsp.alder.test/crl",
        state=tmp_path / "state",
        public=tmp_path / "public",
    )


@pytest.fixture
def authority(config: AuthorityConfig) -> Iterator[CertificateAuthority]:
    initialise(config, NOW)
    with opened(config) as authority:
        yield authority


@pytest.fixture
def responder_config(authority: CertificateAuthority, config: AuthorityConfig, tmp_path: Path) -> ResponderConfig:
    delegates = []
    for profile in (CertificateProfile.OCSP_ROOT, CertificateProfile.OCSP_ISSUING):
        certificate, *_ = authority.issue(profile, key(profile).public_key(), [], None, NOW)
        files = DelegateFiles(tmp_path / f"{profile}.key.pem", tmp_path / f"{profile}.pem")
        files.key.touch(mode=0o600)
        files.key.write_bytes(key_pem(key(profile)))
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        delegates.append(files)
    return ResponderConfig(delegates=tuple(delegates), public=config.public)
