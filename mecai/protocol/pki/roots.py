"""Trusted roots, in the form in which a path is validated to them."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification as web_pki

# As a Store, whoever trusts the same ones again spares parsing their keys again.
Roots = web_pki.Store | Sequence[x509.Certificate]


def policy_builder(roots: Roots, now: datetime) -> web_pki.PolicyBuilder:
    """Return what a verifier is built from; raises `web_pki.VerificationError` where there is no root."""
    if not isinstance(roots, web_pki.Store):
        if not roots:
            raise web_pki.VerificationError("no trusted root to reach")
        roots = web_pki.Store(list(roots))
    return web_pki.PolicyBuilder().store(roots).time(now)
