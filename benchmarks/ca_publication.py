"""What a CA's everyday work costs with 50,000 certificates in its register, against the same with 100.

Issuing is everything between a key and a certificate that may leave: the key looked up, the certificate signed and
entered in the register, its status signed and published, all of it safe on disk. It waits for the disk, so it is timed
by the clock on the wall. Both authorities are on one file system; their registers are filled through the storage layer.
What is measured adds some hundred certificates to each.

`mecai ca publish` looks at every name in the folder, to bring back what is lost: that is measured when nothing is due,
and nothing is required of it.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert

from benchmarks.measure import Result, paired
from mecai.ca.authority.keys import make_key
from mecai.ca.authority.operations import CertificateAuthority, initialise, opened
from mecai.ca.config import AuthorityConfig
from mecai.ca.storage.database import register_database
from mecai.ca.storage.keystore import home_of
from mecai.ca.storage.records import CertificateProfile, Issuer
from mecai.ca.storage.tables import CERTIFICATES

FEW: Final = 100
MANY: Final = 50_000
REQUIRED: Final = round(1 / 1.5, 3)
ISSUED: Final = 200
PUBLISHED: Final = 5
NOW: Final = datetime.now(UTC).replace(microsecond=0)


def run() -> list[Result]:
    """Fill two registers, then issue and publish in turns."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        few, many = (stack.enter_context(_authority(Path(folder) / str(count), count)) for count in (FEW, MANY))
        against, clock = f"the same with {FEW}", time.perf_counter_ns
        name = f"issue and publish one, {MANY} certificates"
        issuing = paired(
            name, lambda: _issue(many), lambda: _issue(few), against, required=REQUIRED, runs=ISSUED, clock=clock
        )
        name = f"publish, nothing due, {MANY} certificates"
        publishing = paired(
            name, lambda: many.publish(NOW), lambda: few.publish(NOW), against, runs=PUBLISHED, clock=clock
        )
    return [issuing, publishing]


def _issue(authority: CertificateAuthority) -> None:
    authority.issue(CertificateProfile.SERVER, make_key().public_key(), ["www.example.test"], None, NOW)


@contextmanager
def _authority(home: Path, count: int) -> Iterator[CertificateAuthority]:
    """Make an authority that has issued and published `count` certificates for servers."""
    home.mkdir()
    config = AuthorityConfig(
        name="alder",
        owner_group="alder",
        region="north",
        ocsp_url="http://ocsp.alder.test",
        vas_url="https://vas.alder.test",
        state=home / "state",
        public=home / "public",
    )
    initialise(config, NOW)
    _fill(config, count)
    with opened(config) as authority:
        yield authority


def _fill(config: AuthorityConfig, count: int) -> None:
    """Repeat one certificate and its status, under other serial numbers, published and not due."""
    with opened(config) as authority:
        _issue(authority)
        model = authority.entries()[-1]
    folder = config.public / "status" / Issuer.ISSUING
    der, status = model.certificate.public_bytes(Encoding.DER), folder / f"{model.serial}.der"
    rows = [
        {
            "serial": os.urandom(19).hex(),
            "issuer": model.issuer.value,
            "profile": model.profile.value,
            "key_hash": os.urandom(32),
            "der": der,
            "expires": model.certificate.not_valid_after_utc,
            "status_due": NOW + timedelta(hours=12),
        }
        for _ in range(count)
    ]
    with register_database(config.database, home_of(config.state)) as engine, engine.begin() as connection:
        connection.execute(insert(CERTIFICATES), rows)
    for row in rows:
        (folder / f"{row['serial']}.der").hardlink_to(status)
