"""A throwaway certificate authority in a folder, for developers and the demonstration; `mecai ca` works on it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from mecai.ca.authority.keys import make_key
from mecai.ca.authority.operations import initialise, opened
from mecai.ca.config import AuthorityConfig, DelegateFiles, ResponderConfig
from mecai.ca.ocsp.app import make_responder
from mecai.ca.ocsp.responder import OcspResponder
from mecai.ca.storage.records import CertificateProfile
from mecai.protocol.codec.strict_json import load
from mecai.protocol.objects.authorities import Authority
from mecai.protocol.objects.entries import decode_authority
from mecai.service import durable
from mecai.service.pem import key_pem
from mecai.service.settings import read_settings, toml_text

_SETTINGS: Final = """\
name = "dev-{name}"
owner_group = "dev-{name}"
region = "here"
ocsp_url = "{urls.ocsp}"
{vas_url}state = "{folder}/state"
public = "{folder}/public"
"""


@dataclass(frozen=True)
class Urls:
    """Where a CA's responder answers, and its VAS; None: it vouches for nobody."""

    ocsp: str
    vas: str | None


@dataclass(frozen=True)
class DevAuthority:
    """A CA in the folder of its name below `home`; `now` is when all of its certificates begin."""

    name: str
    folder: Path
    config: AuthorityConfig
    now: datetime

    @classmethod
    def make(cls, name: str, home: Path, now: datetime, urls: Urls) -> "DevAuthority":
        """Make root, issuing CA and public files; raises `HostError`."""
        folder, settings = home / name, home / name / "ca.toml"
        with durable.host_errors(folder, "made"):
            folder.mkdir()
        vas_url = f'vas_url = "{urls.vas}"\n' if urls.vas else ""
        text = _SETTINGS.format(name=name, folder=toml_text(folder), urls=urls, vas_url=vas_url)
        durable.create(settings, text.encode(), durable.PUBLIC)
        config = read_settings(settings, AuthorityConfig)
        initialise(config, now)
        return cls(name, folder, config, now)

    @property
    def root(self) -> Path:
        """The root certificate."""
        return self.config.public / "root.pem"

    def certify(
        self, profile: CertificateProfile, names: Sequence[str] = (), *, file: str | None = None
    ) -> DelegateFiles:
        """Make a key and certify it; returns where it lies, and its chain. `file` names both, else the profile does."""
        key, stem = make_key(), file or profile
        files = DelegateFiles(self.folder / f"{stem}.key.pem", self.folder / f"{stem}.pem")
        with opened(self.config) as authority:
            chain = authority.issue(profile, key.public_key(), names, None, self.now)
        durable.create(files.key, key_pem(key), durable.SECRET)
        pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
        durable.create(files.certificate, pem, durable.PUBLIC)
        return files

    def responder(self) -> OcspResponder:
        """Make what answers for its certificates."""
        return make_responder(self.responder_config())

    def responder_config(self) -> ResponderConfig:
        """Certify the responder's keys; returns its settings."""
        delegates = tuple(map(self.certify, (CertificateProfile.OCSP_ROOT, CertificateProfile.OCSP_ISSUING)))
        return ResponderConfig(delegates, self.config.public)

    def entry(self) -> Authority:
        """Return its entry of a directory."""
        with opened(self.config) as authority:
            return decode_authority(load(json.dumps(authority.describe(self.now)).encode(), "entry"))
