"""Trusted roots, in the form in which a path is validated to them."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import verification as web_pki

from mecai.errors import Malformed
from mecai.protocol.pki.keys import check_server_key, has_server_key, public_key_of

# As a Store, whoever trusts the same ones again spares parsing their keys again.
Roots = web_pki.Store | Sequence[x509.Certificate]


def anchors_of(roots: Sequence[x509.Certificate]) -> Roots:
    """Return these roots as what a server's path is built to; one whose key K7 does not have ends none, and hides none.

    The library takes RSA keys of any length from 2048 bits on, and gives the first path that it finds.
    """
    fit = [root for root in roots if has_server_key(root)]
    return web_pki.Store(fit) if fit else ()


def policy_builder(roots: Roots, now: datetime) -> web_pki.PolicyBuilder:
    """Return what a verifier is built from; raises `web_pki.VerificationError` where there is no root."""
    if not isinstance(roots, web_pki.Store):
        if not roots:
            raise web_pki.VerificationError("no trusted root to reach")
        roots = web_pki.Store(list(roots))
    return web_pki.PolicyBuilder().store(roots).time(now)


def check_root(root: x509.Certificate, now: datetime) -> None:
    """Refuse, as `Malformed`, a root under which `validate_chain` and `validate_authority` take nothing at `now`.

    It is held against what the Web PKI's profile demands of a CA (Baseline Requirements, section 7.1.2.1), and K7.
    """
    basic = [each for each in root.extensions if isinstance(each.value, x509.BasicConstraints)]
    usage = [each.value for each in root.extensions if isinstance(each.value, x509.KeyUsage)]
    if not any(each.value.ca for each in basic):
        raise Malformed("is no CA certificate")
    if not all(each.critical for each in basic):
        raise Malformed("its basic constraints are not critical")
    if not any(bits.key_cert_sign for bits in usage):
        raise Malformed("its key usage lacks keyCertSign")
    if not root.not_valid_before_utc <= now <= root.not_valid_after_utc:
        raise Malformed(f"is valid from {root.not_valid_before_utc} to {root.not_valid_after_utc}, not at {now}")
    check_server_key(public_key_of(root))
