"""A Voucher Authority for developers, in a folder: a CA that vouches, one that certifies a site, and their directory.

The site's certificate and a request for it are there too, so that the first voucher takes one line. Nothing outside the
folder is changed, and nobody should trust what is in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mecai.ca.authority.keys import make_key
from mecai.ca.config import DelegateFiles
from mecai.ca.ocsp.responder import OcspResponder
from mecai.ca.storage.records import CertificateProfile
from mecai.cli.arguments import now
from mecai.cli.dev_authority import DevAuthority, Urls
from mecai.net.addresses import AddressPolicy
from mecai.net.fetch import Fetcher
from mecai.net.resolve import from_system
from mecai.protocol.objects.authorities import Directory
from mecai.protocol.objects.directory import sign_directory
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.keys import PrivateKey
from mecai.service import durable
from mecai.service.pem import key_pem, load_certificates
from mecai.service.settings import toml_text
from mecai.vas.config import VasConfig, read_config

VAS: Final = "vas.notary.test"
SITE: Final = ("www.site.test", "127.0.0.1", 443)
DAYS: Final = timedelta(days=30)  # of the directory: the longest that there may be (docs/spec D4)
_SETTINGS: Final = """\
key = "{key}"
certificate = "{certificate}"
root = "{root}"
database = "sqlite:///{folder}/vas.sqlite"
hold = "PT{hold}S"
allowed_networks = ["127.0.0.0/8"]
trusted_proxies = 0

[[directory]]
context = "DEV"
path = "{home}/directory.der"
publishers = "{home}/publisher.pem"
"""


@dataclass(frozen=True)
class DevNode:
    """What was made: the server's settings, the site's files, and who answers for the status of certificates."""

    home: Path
    config: VasConfig
    site: Path
    site_key: Path
    responders: Mapping[str, OcspResponder]

    def fetch(self, url: str, limit: int, *, body: bytes | None = None, content_type: str = "") -> bytes:
        """Answer for the two CAs; ask others as a server would. Raises `FetchError`."""
        if body is not None and url in self.responders:
            return self.responders[url].reply(body, now()).der
        real = Fetcher(AddressPolicy(self.config.allowed_networks), from_system)
        return real(url, limit, body=body, content_type=content_type)


def make_node(home: Path, hold: int) -> DevNode:
    """Make everything in an empty folder; raises `HostError` or `InputError`. `hold` is in seconds."""
    moment = now()
    vouching, certifying = (DevAuthority.make(name, home, moment, _urls(name)) for name in ("notary", "site"))
    va = vouching.certify(CertificateProfile.VA, (VAS,))
    site = certifying.certify(CertificateProfile.SERVER, SITE[:1])
    publish(home, (vouching, certifying), moment)
    settings = write_settings(home, home, va, vouching.root, hold)
    durable.create(home / "request.der", _request(site.certificate), durable.PUBLIC)
    authorities = (vouching, certifying)
    responders = {url: each.responder() for each in authorities if (url := each.config.ocsp_url)}
    return DevNode(home, read_config(settings), site.certificate, site.key, responders)


def _request(chain: Path) -> bytes:
    certificate, *issuers = (each.public_bytes(Encoding.DER) for each in load_certificates(chain))
    return VoucherRequest(certificate, tuple(issuers), (ip_address(SITE[1]).packed,), SITE[2]).encode()


def _urls(name: str) -> Urls:
    return Urls(f"http://ocsp.{name}.test", f"https://vas.{name}.test")


def write_settings(folder: Path, home: Path, va: DelegateFiles, root: Path, hold: int) -> Path:
    """Write a VAS's settings into `folder`; the directory is in `home`. `hold` is in seconds."""
    settings = folder / "vas.toml"
    paths = {"key": va.key, "certificate": va.certificate, "root": root, "folder": folder, "home": home}
    text = _SETTINGS.format(hold=hold, **{name: toml_text(path) for name, path in paths.items()})
    durable.create(settings, text.encode(), durable.PUBLIC)
    return settings


def publish(home: Path, authorities: Sequence[DevAuthority], moment: datetime) -> None:
    """Sign the directory of the authorities as a publisher made for it; what readers need of it lies in `home`."""
    key = make_key()
    publisher = _self_signed(key, moment)
    entries = tuple(each.entry() for each in authorities)
    directory = Directory("DEV", int(moment.timestamp()), moment, moment + DAYS, entries, (), ())
    durable.create(home / "publisher.key.pem", key_pem(key), durable.SECRET)
    durable.create(home / "publisher.pem", publisher.public_bytes(Encoding.PEM), durable.PUBLIC)
    durable.create(home / "directory.der", sign_directory(directory, key, publisher), durable.PUBLIC)


def _self_signed(key: PrivateKey, moment: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DEV directory publisher")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(moment)
    return builder.not_valid_after(moment + DAYS).sign(key, hashes.SHA256())
