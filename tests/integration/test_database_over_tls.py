"""A VAS whose PostgreSQL is elsewhere: each side knows the other by a certificate, and nothing else is taken."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from mecai.errors import HostError
from mecai.vas.storage.database import migrate, open_database, require_ready
from tests.integration.postgresql import postgresql
from tests.pki import DAY, Issued, crl
from tests.ports import free_port

NAME = "localhost"  # of which no DNS has to know
USER = "mecai"
HELD_AGAINST = "certificate verify failed: perhaps it is revoked, or the lists have ended, by "
RULES = "local all all trust\nhostssl all all 127.0.0.1/32 cert\n"


@dataclass(frozen=True)
class Home:
    """A folder with roots, and what they certified, by openssl."""

    folder: Path

    def make(self, name: str, *more: str) -> None:
        """Make a key and its certificate."""
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        new = (
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        )
        subprocess.run([*new, "-keyout", key, "-out", certificate, *more], check=True, capture_output=True)
        key.chmod(0o600)

    def certify(self, name: str, subject: str, root: str = "root") -> None:
        """Have a root certify a name."""
        by = ("-CA", str(self.folder / f"{root}.pem"), "-CAkey", str(self.folder / f"{root}.key"))
        ends = ("-addext", "basicConstraints=critical,CA:false")
        self.make(name, "-subj", f"/CN={subject}", "-addext", f"subjectAltName=DNS:{subject}", *ends, *by)

    def issued(self, name: str) -> Issued:
        """Read both."""
        key = load_pem_private_key((self.folder / f"{name}.key").read_bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        return Issued(load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes()), key)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("certificates"))
    for root in ("root", "stranger"):
        home.make(root, "-subj", f"/CN={root}")
    home.certify("server", NAME)
    home.certify("client", USER)
    home.certify("other", "somebody")
    home.certify("foreign", USER, "stranger")
    now = datetime.now(UTC)
    span, over = (now - DAY, now + DAY), (now - 2 * DAY, now - DAY)
    for name, octets in {
        "nobody": crl(home.issued("root"), span=span),
        "server": crl(home.issued("root"), home.issued("server"), span=span),
        "ended": crl(home.issued("root"), span=over),
        "strangers": crl(home.issued("stranger"), span=span),
        "damaged": b"no list",
    }.items():
        (home.folder / f"{name}.crl").write_bytes(octets)
    return home


@pytest.fixture(scope="module")
def port(home: Home) -> Iterator[int]:
    """Run a server that takes nobody but who has a certificate, beside its own user by the socket."""
    with _readable_by_postgres(home) as folder:
        port = free_port()
        files = {
            "ssl_cert_file": "server.pem",
            "ssl_key_file": "server.key",
            "ssl_ca_file": "root.pem",
            "hba_file": "pg_hba.conf",
        }
        named = (f"{setting}={folder / file}" for setting, file in files.items())
        with postgresql("fsync=off", "ssl=on", "listen_addresses=127.0.0.1", f"port={port}", *named):
            yield port


@contextmanager
def _readable_by_postgres(home: Home) -> Iterator[Path]:
    folder = Path(subprocess.check_output(["mktemp", "--directory"], text=True).strip())
    try:
        for name in ("server.pem", "server.key", "root.pem"):
            shutil.copy(home.folder / name, folder)
        (folder / "pg_hba.conf").write_text(RULES)
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "postgres")
        yield folder
    finally:
        shutil.rmtree(folder)


def url(
    home: Home, port: int, *, name: str = NAME, client: str = "client", root: str = "root", lists: str = "nobody"
) -> str:
    """Return the URL that an operator writes, as `docs/voucher-authority.md` has it."""
    files = f"sslcert={home.folder}/{client}.pem&sslkey={home.folder}/{client}.key" if client else "sslcert="
    demanded = f"sslmode=verify-full&sslrootcert={home.folder}/{root}.pem"
    return f"postgresql+psycopg://{USER}@{name}:{port}/postgres?{demanded}&sslcrl={home.folder}/{lists}.crl&{files}"


def test_a_schema_is_made_and_found_ready(home: Home, port: int) -> None:
    engine = open_database(url(home, port))
    migrate(engine)
    require_ready(engine)
    with engine.connect() as connection:
        used = connection.exec_driver_sql("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()").one()
    engine.dispose()
    assert tuple(used) == (True, f"/CN={USER}")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"root": "stranger"}, "certificate verify failed"),
        ({"name": "127.0.0.1"}, 'does not match host name "127.0.0.1"'),
        ({"client": "other"}, 'certificate authentication failed for user "mecai"'),
        ({"client": "foreign"}, "unknown ca"),
        ({"client": ""}, "connection requires a valid client certificate"),
        ({"lists": "server"}, f"{HELD_AGAINST}/server.crl)"),
        ({"lists": "ended"}, f"{HELD_AGAINST}/ended.crl)"),
        ({"lists": "strangers"}, f"{HELD_AGAINST}/strangers.crl)"),
        ({"lists": "missing"}, "missing.crl: revocation list cannot be read (No such file or directory)"),
        ({"lists": "damaged"}, "damaged.crl: holds no PEM revocation list"),
    ],
)
def test_a_stranger_at_either_end_is_one_line(home: Home, port: int, changed: dict[str, str], said: str) -> None:
    engine = open_database(url(home, port, **changed))
    with pytest.raises(HostError) as told:
        require_ready(engine)
    engine.dispose()
    assert said in str(told.value).replace(str(home.folder), "")
    assert "\n" not in str(told.value)


def test_without_tls_nobody_is_let_in(home: Home, port: int) -> None:
    engine = open_database(url(home, port).replace("verify-full", "disable"))
    with pytest.raises(HostError, match="no encryption"):
        require_ready(engine)
    engine.dispose()
