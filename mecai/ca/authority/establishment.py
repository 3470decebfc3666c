"""How an authority comes to be: its root, its issuing CA and its register, all of it or nothing, and never in silence.

They are made in a folder of another name, which is renamed when all of it is on disk: a crash leaves no half-made
authority. Where there has been one, its keys are lost or out of reach (a volume that is not mounted): it gets no
successor under its name.
"""

import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mecai.ca.authority.keys import make_key
from mecai.ca.authority.profiles import IssuanceRequest, draft, sign
from mecai.ca.config import AuthorityConfig
from mecai.ca.storage.database import SCHEMA, create_file, register_database
from mecai.ca.storage.keystore import CaCredential, Keystore, home_of, locked, no_authority, write_keystore
from mecai.ca.storage.records import CertificateProfile, Issuer, RegisterEntry
from mecai.ca.storage.register import Register
from mecai.errors import HostError
from mecai.service import durable
from mecai.service.schema import migrate

_UNFINISHED: Final = ".authority.unfinished"


def establish(config: AuthorityConfig, now: datetime, *, make_root: bool) -> bool:
    """Make an authority; of one that is there, bring the register up to date and return False. Takes the lock.

    Raises `HostError` where another authority is expected (its root is pinned, or its public files are there), and
    where there is none and no root may be made.
    """
    home = home_of(config.state)
    with durable.host_errors(config.state, "made"):
        if not home.exists():
            _refuse_successor(config)
            if not make_root:
                raise no_authority(home)
        config.state.mkdir(mode=0o700, exist_ok=True)
    with locked(config.state):
        if not home.exists():
            _establish(config, now)
            return True
        with register_database(config.database, home) as engine:
            migrate(engine, SCHEMA)
        return False


def _refuse_successor(config: AuthorityConfig) -> None:
    home, public_root = home_of(config.state), config.public / "root.pem"
    remedy = "mount or restore its folder"
    if config.root_hash is not None:
        raise HostError(f"{home}: the authority with the pinned root {config.root} is not there; {remedy}")
    if public_root.exists():
        anew = f"or, to begin anew with another root, remove {public_root}"
        raise HostError(f"{home}: the authority whose root is {public_root} is not there; {remedy}, {anew}")


def _establish(config: AuthorityConfig, now: datetime) -> None:
    root = _make(CertificateProfile.ROOT, config, config.days.root, None, now)
    issuing = _make(CertificateProfile.ISSUING, config, config.days.issuing, root, now)
    keystore: Keystore = {Issuer.ROOT: root, Issuer.ISSUING: issuing}
    unfinished = config.state / _UNFINISHED
    with durable.host_errors(unfinished, "made"):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _begin_register(config, unfinished, {CertificateProfile.ROOT: root, CertificateProfile.ISSUING: issuing}, now)
        write_keystore(unfinished, keystore)
        unfinished.rename(home_of(config.state))
        durable.sync_directory(config.state)


def _begin_register(
    config: AuthorityConfig, folder: Path, made: Mapping[CertificateProfile, CaCredential], now: datetime
) -> None:
    """Make the register, which begins with the authority's own certificates, both signed by the root."""
    if config.database is None:
        create_file(folder)
    with register_database(config.database, folder) as engine:
        migrate(engine, SCHEMA)
        entries = [RegisterEntry(Issuer.ROOT, profile, each.certificate) for profile, each in made.items()]
        Register(engine).begin(entries, now)


def _make(
    profile: CertificateProfile, config: AuthorityConfig, days: int, issuer: CaCredential | None, now: datetime
) -> CaCredential:
    key = make_key()
    request = IssuanceRequest(profile, key.public_key(), (), timedelta(days=days))
    builder = draft(request, config.name, issuer.certificate if issuer else None, config.status_urls, now)
    return CaCredential(sign(builder, issuer.key if issuer else key), key)
