"""The one place that touches OpenSSL below Python's ssl.

It sends and receives custom TLS extensions on an `ssl.SSLContext`, gives one connection roots of its own, bounds
what a client shows, and reads what a handshake showed. It knows nothing of vouchers: bytes go in and come out. The
distribution's CPython 3.11 to 3.13 with OpenSSL 3.0 to 3.5 are known to work; on any other layout `install` refuses.
"""

from mecai.tls.bounds import bound_certificates
from mecai.tls.extensions import Exchange, attach, install
from mecai.tls.facts import Facts, read_facts
from mecai.tls.library import UnsupportedRuntimeError
from mecai.tls.pointers import Connection
from mecai.tls.session import Session
from mecai.tls.sessions import install_sessions
from mecai.tls.stapler import Alert, Stapler
from mecai.tls.stapling import install_stapling, shown_certificate, staple_by
from mecai.tls.trust import forget_session, trust_only
from mecai.tls.verified import Verified
from mecai.tls.verifying import install_verified

__all__ = [
    "Alert",
    "Connection",
    "Exchange",
    "Facts",
    "Session",
    "Stapler",
    "UnsupportedRuntimeError",
    "Verified",
    "attach",
    "bound_certificates",
    "forget_session",
    "install",
    "install_sessions",
    "install_stapling",
    "install_verified",
    "read_facts",
    "shown_certificate",
    "staple_by",
    "trust_only",
]
