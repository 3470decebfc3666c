"""What the demonstration needs in its folder: three authorities, a site's certificate, a false one, and settings."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mecai.ca.config import DelegateFiles, ResponderConfig
from mecai.ca.storage.records import CertificateProfile
from mecai.cli.arguments import now
from mecai.cli.dev_authority import DevAuthority, Urls
from mecai.cli.dev_node import publish, write_settings
from mecai.service import durable
from mecai.service.settings import toml_text

ISSUER: Final = "alder"  # certifies the site, and the attacker
NOTARIES: Final = ("birch", "cedar")
HOST: Final = "localhost"  # every machine knows where that is
ADDRESS: Final = "127.0.0.1"
PORT: Final = 443  # that vouchers are for (docs/spec O10)
PLACES: Final = ("site", "attacker", "responders", *NOTARIES)
_SIDECAR: Final = """\
directory = "{home}/directory.der"
publishers = "{home}/publisher.pem"
state = "{home}/sidecar"
allowed_networks = ["127.0.0.0/8"]

[[certificate]]
chain = "{chain}"
addresses = ["{address}"]
port = {port}
server_name = "{host}"
"""
_CLIENT: Final = """\
directory = "{home}/directory.der"
publishers = "{home}/publisher.pem"
state = "{home}/client"
allowed_networks = ["127.0.0.0/8"]
"""


@dataclass(frozen=True)
class Scene:
    """The folder, the sockets on which everything listens and their ports, and which files are whose."""

    home: Path
    doors: Mapping[str, socket.socket]
    ports: Mapping[str, int]
    site: DelegateFiles
    false: DelegateFiles
    servers: Mapping[str, DelegateFiles]  # of the notaries' VASes

    @property
    def client(self) -> Path:
        """The client's settings."""
        return self.home / "client.toml"

    @property
    def staples(self) -> Path:
        """What the sidecar writes and the site staples."""
        return self.home / "sidecar" / "staples"

    def url(self, place: str, path: str = "") -> str:
        """Return the https URL of something."""
        return f"https://{HOST}:{self.ports[place]}/{path}"


def make_scene(home: Path) -> Scene:
    """Open the ports and make everything in an empty folder; raises `HostError`."""
    moment = now()
    doors = {place: socket.create_server((ADDRESS, 0)) for place in PLACES}
    ports = {place: int(door.getsockname()[1]) for place, door in doors.items()}
    authorities = {name: DevAuthority.make(name, home, moment, _urls(name, ports)) for name in (ISSUER, *NOTARIES)}
    issuer = authorities[ISSUER]
    site = issuer.certify(CertificateProfile.SERVER, (HOST,))
    false = issuer.certify(CertificateProfile.SERVER, (HOST,), file="false")
    servers = {name: authorities[name].certify(CertificateProfile.SERVER, (HOST,)) for name in NOTARIES}
    publish(home, tuple(authorities.values()), moment)
    for name in NOTARIES:
        va = authorities[name].certify(CertificateProfile.VA, (HOST,))
        write_settings(authorities[name].folder, home, va, authorities[name].root, 0)
    for authority in authorities.values():
        _write_responder(authority.folder, authority.responder_config())
    _write(home / "roots.pem", "".join(each.root.read_text() for each in authorities.values()))
    names = {"home": toml_text(home), "chain": toml_text(site.certificate)}
    _write(home / "sidecar.toml", _SIDECAR.format(address=ADDRESS, port=PORT, host=HOST, **names))
    _write(home / "client.toml", _CLIENT.format(**names))
    for folder in ("sidecar", "client"):
        (home / folder).mkdir()
    return Scene(home, doors, ports, site, false, servers)


def _urls(name: str, ports: Mapping[str, int]) -> Urls:
    vas = f"https://{HOST}:{ports[name]}" if name in NOTARIES else None
    return Urls(f"http://{HOST}:{ports['responders']}/{name}/", vas)


def _write_responder(folder: Path, config: ResponderConfig) -> None:
    lines = [f'public = "{toml_text(config.public)}"']
    for each in config.delegates:
        lines += ["[[delegate]]", f'key = "{toml_text(each.key)}"', f'certificate = "{toml_text(each.certificate)}"']
    _write(folder / "ocsp.toml", "\n".join(lines) + "\n")


def _write(path: Path, text: str) -> None:
    durable.create(path, text.encode(), durable.PUBLIC)
