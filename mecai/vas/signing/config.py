"""What an operator settles in `/etc/mecai/vas-signer.toml`: the signer's settings, which hold no secret.

key         = "/var/lib/mecai-vas-signer/key.pem"          # signs vouchers and expedite statements, nothing else
certificate = "/var/lib/mecai-vas-signer/certificate.pem"  # the VA's certificate; vas.toml names the same
root        = "/var/lib/mecai-ca-public/root.pem"          # the CA root that issued it

server         = "mecai-vas"    # the user who alone gets vouchers signed, by name or number
operator       = "root"         # the user who alone gets expedite statements signed
lifetime_hours = 24             # of a voucher at most; not below that of vas.toml
socket         = "/run/mecai-vas-signer/signer.sock"       # opened by the signer, unless systemd hands one over
"""

import pwd
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from mecai.errors import HostError
from mecai.protocol.limits import LIMITS
from mecai.service.settings import read_settings

SOCKET: Final = Path("/run/mecai-vas-signer/signer.sock")


@dataclass(frozen=True)
class SignerConfig:
    """Every key of `vas-signer.toml`."""

    key: Path
    certificate: Path
    root: Path
    server: str = "mecai-vas"
    operator: str = "root"
    lifetime_hours: int = 24
    socket: Path = SOCKET

    def __post_init__(self) -> None:
        longest = LIMITS.voucher_lifetime // timedelta(hours=1)
        if not 1 <= self.lifetime_hours <= longest:
            raise ValueError(f"lifetime_hours: {self.lifetime_hours} is outside 1..{longest}")

    @property
    def lifetime(self) -> timedelta:
        """How long a voucher lives at most."""
        return timedelta(hours=self.lifetime_hours)


def read_signer_config(path: Path) -> SignerConfig:
    """Read `vas-signer.toml`; raises `HostError` or `InputError` with one line that names the key."""
    return read_settings(path, SignerConfig)


def user_id(name: str) -> int:
    """Return a user's number, which may be given as such; raises `HostError` where there is none of that name."""
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError as error:
        raise HostError(f"{name}: there is no such user; see server and operator in vas-signer.toml") from error
